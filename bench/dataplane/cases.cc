// SPDX-License-Identifier: Apache-2.0
#include "bench/dataplane/cases.h"

#include <utility>

#include "bench/dataplane/lab.h"
#include "bench/dataplane/world.h"
#include "bulkhead/abi/event.h"

namespace bulkhead::bench {
namespace {

// Packets of one slice. New flows: so few that those of a round's slices leave the tables nearly empty.
constexpr uint32_t kManyPackets = 1u << 16, kNewPackets = 4096;
constexpr uint32_t kOneFlow = 1, kSomeFlows = 1u << 12, kManyFlows = 1u << 16;
constexpr uint32_t kEveryFlow = 0;  // as a mask, with one added: all bits
constexpr uint16_t kClientPort = 1024;

// flows: a power of two, or kEveryFlow.
bench_drive DriveOf(const IpAddress& address, uint32_t flows) {
  bench_drive out{};
  out.flow_mask = flows - 1;
  out.port_at = OffsetsOf(address).source_port;
  out.port_base = kClientPort;
  return out;
}

Shot ShotOf(uint16_t from, uint16_t to, uint8_t family, uint16_t port, uint8_t flags) {
  Shot out;
  out.packet = TcpPacket({MacOf(from), AddressOf(from, family), kClientPort}, {MacOf(to), AddressOf(to, family), port}, flags);
  out.ifindex = kFirstIfindex + from;
  return out;
}

Case Established(std::string name, uint8_t family, int hook, uint32_t flows) {
  Case out{.name = std::move(name), .metric = "time", .hook = hook, .flows = flows};
  out.shot = ShotOf(kWeb, kDb, family, kLastingPort, kAck);
  out.shot.repeat = kManyPackets;
  // One flow at ingress needs no driver, and so no subtraction.
  out.shot.driven = flows > 1 || hook == BH_HOOK_EGRESS;
  out.shot.drive = DriveOf(AddressOf(kWeb, family), flows);
  if (hook == BH_HOOK_EGRESS) {
    out.shot.ifindex = kFirstIfindex + kDb;
    out.shot.drive.tag = kWeb;
  }
  return out;
}

Case New(std::string name) {
  Case out{.name = std::move(name), .metric = "time", .expect = Expect::kJudged, .to_lru = true};
  out.shot = ShotOf(kWeb, kDb, 4, kNewPort, kSyn);
  out.shot.repeat = kNewPackets;
  out.shot.driven = true;
  out.shot.drive = DriveOf(AddressOf(kWeb, 4), kEveryFlow);
  return out;
}

Case Denied(std::string name, bool random) {
  Case out{.name = std::move(name), .metric = "time", .expect = Expect::kDenied};
  out.shot = ShotOf(kEvil, kDb, 4, kLastingPort, kSyn);
  out.shot.repeat = kManyPackets / 4;
  out.shot.driven = random;
  out.shot.drive = DriveOf(AddressOf(kEvil, 4), kEveryFlow);
  out.shot.drive.random = 1;
  return out;
}

void AddEstablished(Group& group, const std::string& prefix, uint8_t family) {
  const std::string name = family == 4 ? "/v4" : "/v6";
  for (const auto& [hook, middle] : {std::pair{BH_HOOK_INGRESS, ""}, {BH_HOOK_EGRESS, "/egress"}}) {
    for (const auto& [flows, last] : {std::pair{kOneFlow, "/1flow"}, {kSomeFlows, "/4kflows"}, {kManyFlows, "/64kflows"}}) {
      group.cases.push_back(Established(prefix + "established" + middle + name + last, family, hook, flows));
    }
  }
}

Group OfVersion4() {
  Group out{.worlds = {{"v4"}}};
  AddEstablished(out, "", 4);
  out.cases.push_back(New("new/v4"));
  out.cases.push_back(Denied("denied/v4", false));
  out.cases.push_back(Denied("denied/random", true));
  return out;
}

Group OfVersion6() {
  Group out{.worlds = {{"v6", kFlowEntries * 4}}};
  AddEstablished(out, "", 6);
  return out;
}

Group OfXdp() {
  Group out{.worlds = {{.name = "xdp", .flow_entries = kFlowEntries * 4, .xdp = true}}};
  for (const uint8_t family : {4, 6}) {
    const std::string name = std::string("established/xdp") + (family == 4 ? "/v4" : "/v6");
    for (const auto& [flows, last] : {std::pair{kOneFlow, "/1flow"}, {kSomeFlows, "/4kflows"}, {kManyFlows, "/64kflows"}}) {
      out.cases.push_back(Established(name + last, family, BH_HOOK_INGRESS, flows));
      out.cases.back().shot.xdp = out.cases.back().shot.driven = true;
    }
  }
  return out;
}

Group Staged() {
  return {.worlds = {{.name = "staged", .staged = true}},
          .cases = {Established("staged/established", 4, BH_HOOK_INGRESS, kOneFlow), New("staged/new"),
                    Denied("staged/denied", false)}};
}

Group Churning() {
  Group out{.worlds = {{"churn"}}, .starts_per_second = 20};
  for (const auto& [flows, last] : {std::pair{kOneFlow, "1flow"}, {kSomeFlows, "4kflows"}, {kManyFlows, "64kflows"}}) {
    out.cases.push_back(Established(std::string("churn/established/v4/") + last, 4, BH_HOOK_INGRESS, flows));
  }
  out.cases.push_back(New("churn/new/v4"));
  out.cases.push_back(Denied("churn/denied/v4", false));
  out.cases.push_back(Denied("churn/denied/random", true));
  return out;
}

// The other end of each flow is any that the world has, all as likely as each other.
void Spread(const Shape& shape, Shot& shot) {
  shot.drive.address_at = OffsetsOf(FirstOf(shape)).destination_low;
  shot.drive.address_base = LowWord(FirstOf(shape));
  shot.drive.spread = EndsOf(shape);
}

Group Scale(const std::string& what, const std::vector<std::pair<uint32_t, Shape>>& shapes) {
  Group out;
  for (const auto& [size, shape] : shapes) {
    const std::string name = "scale/" + what + "/" + std::to_string(size);
    Case established = Established(name, 4, BH_HOOK_INGRESS, kSomeFlows), opened = New(name);
    established.metric = "established";
    established.grows_as = "established_growth";
    opened.metric = "new";
    opened.grows_as = "new_growth";
    opened.to_lru = false;
    for (Case* each : {&established, &opened}) {
      each->world = out.worlds.size();
      Spread(shape, each->shot);
      out.cases.push_back(std::move(*each));
    }
    out.worlds.push_back({.name = "s" + std::to_string(size), .shape = shape});
  }
  return out;
}

}  // namespace

std::vector<Group> Groups() {
  std::vector<std::pair<uint32_t, Shape>> rules, classes, addresses;
  for (const uint32_t n : {10, 100, 1000, 10'000, 100'000}) rules.push_back({n, {.rules = n}});
  for (const uint32_t n : {10, 100, 1000, 10'000}) {
    classes.push_back({n, {.rules = n, .classes = n, .addresses = n < kMostLocal ? n : kMostLocal}});
  }
  for (const uint32_t n : {100, 1000, 10'000, 100'000}) addresses.push_back({n, {.addresses = n}});
  return {OfVersion4(),
          OfVersion6(),
          OfXdp(),
          Staged(),
          Churning(),
          Scale("rules", rules),
          Scale("classes", classes),
          Scale("addresses", addresses)};
}

}  // namespace bulkhead::bench

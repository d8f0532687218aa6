// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "dataplane/kernel/flow_tick.h"
#include "tests/packet/ebpf_world.h"

namespace bulkhead::packet_test {
namespace {

FlowKey Decode(const auto& key, uint8_t family) {
  FlowKey out;
  for (const int side : {0, 1}) {
    out.address[side].family = family;
    std::copy(std::begin(key.address[side]), std::end(key.address[side]), out.address[side].bytes.begin());
    out.port[side] = ntohs(key.port[side]);
  }
  out.zone = key.zone;
  out.protocol = key.protocol;
  return out;
}

Flow Decode(const bh_flow& flow) {
  Flow out;
  const uint32_t flags = BH_META_FLAGS(flow.hot.meta);
  out.state = static_cast<bh_flow_state>(BH_META_STATE(flow.hot.meta));
  out.opener = (flags & BH_FLOW_OPENER) != 0 ? 1 : 0;
  out.linked = (flags & BH_FLOW_LINKED) != 0;
  out.midstream = (flags & BH_FLOW_MIDSTREAM) != 0;
  out.heard = (flags & BH_FLOW_HEARD) != 0;
  out.fin[0] = (flags & BH_FLOW_FIN_0) != 0;
  out.fin[1] = (flags & BH_FLOW_FIN_1) != 0;
  out.stamp = flow.hot.stamp;
  for (const int side : {0, 1}) {
    out.ifindex[side] = flow.hot.ifindex[side];
    out.slot[side] = flow.hot.slot[side];
    out.bytes[side] = BH_COUNT_BYTES(flow.hot.count[side]);
    out.packets[side] = BH_COUNT_PACKETS(flow.hot.count[side]);
  }
  out.last_seen = flow.hot.last_seen;
  out.first_seen = flow.cold.first_seen;
  out.ruling = {static_cast<Verdict>(flow.cold.verdict), flow.cold.source_identity, flow.cold.destination_identity,
                flow.cold.source_rule, flow.cold.destination_rule};
  out.service_port = flow.cold.service_port;
  return out;
}

// Calls back with each entry; what the callback returns true for is written back as changed.
template <typename Key, typename Value, typename Callback>
absl::Status ForEach(int map, const Callback& callback) {
  std::vector<Key> keys;
  Key key = {}, next = {};
  for (bool first = true; bpf_map_get_next_key(map, first ? nullptr : &key, &next) == 0; first = false) {
    key = next;
    keys.push_back(key);
  }
  for (const Key& found : keys) {
    Value value = {};
    if (bpf_map_lookup_elem(map, &found, &value) != 0) continue;
    if (callback(found, value) && bpf_map_update_elem(map, &found, &value, BPF_EXIST) != 0) {
      return absl::ErrnoToStatus(errno, "writing an element back");
    }
  }
  return absl::OkStatus();
}

class EbpfRunner : public Runner {
 public:
  EbpfRunner(EbpfWorld& world, std::vector<uint64_t> counters) : world_(world), counters_(std::move(counters)) {}

  std::string name() const override { return world_.xdp() ? "xdp" : "ebpf"; }
  Backend& backend() override { return world_.backend(); }
  uint32_t stamp() override { return world_.backend().stamp(); }
  bool ShowsTag() const override { return shows_tag_; }

  absl::StatusOr<Outcome> Run(const Packet& packet) override {
    shows_tag_ = false;
    if (world_.xdp() && packet.hook == BH_HOOK_INGRESS) {
      const auto outcome = RunXdp(packet);
      if (!outcome.ok()) return outcome.status();
      if (*outcome) return **outcome;
    }
    const auto action = world_.Run(packet);
    if (!action.ok()) return action.status();
    if (*action != TC_ACT_UNSPEC && *action != TC_ACT_SHOT && *action != TC_ACT_REDIRECT)
      return absl::InternalError(absl::StrCat("the program returned ", *action));
    Outcome outcome;
    outcome.pass = *action != TC_ACT_SHOT;
    outcome.fast = *action == TC_ACT_REDIRECT;
    outcome.tag = packet.tag;
    if (const auto status = ReadReason(outcome); !status.ok()) return status;
    return outcome;
  }

  absl::Status Advance(uint32_t seconds) override {
    // Rounded over the whole, so that many small steps make no large error.
    const uint32_t before = SecondsToTicks(elapsed_, FlowTickNs());
    elapsed_ += seconds;
    const uint32_t ticks = SecondsToTicks(elapsed_, FlowTickNs()) - before;
    world_.ForEachSlot([ticks](bh_flow_hot& slot) { slot.last_seen -= ticks; });
    return ForEach<bh_fragment_key, bh_fragment>(world_.backend().MapFd("bh_fragments"), [seconds](const auto&, bh_fragment& first) {
      first.seen -= seconds * uint64_t{1'000'000'000};
      return true;
    });
  }

  absl::StatusOr<std::map<FlowKey, Flow>> Flows() override {
    if (const auto swept = backend().Sweep(); !swept.ok()) return swept.status();
    std::map<FlowKey, Flow> out;
    FlowCursor cursor;
    world_.backend().flow_tables().Read(cursor, [&](const FlowEntry& entry) {
      out[entry.family == BH_V4 ? Decode(entry.key4, 4) : Decode(entry.key6, 6)] = Decode(entry.flow);
      return true;
    });
    return out;
  }

 private:
  // nullopt: the packet went on to tc without a mark.
  absl::StatusOr<std::optional<Outcome>> RunXdp(const Packet& packet) {
    const ZonePrograms* programs = world_.backend().ZoneProgramsOf(packet.zone);
    if (programs == nullptr) return absl::NotFoundError(absl::StrCat("no program for zone ", packet.zone));
    const auto run = world_.RunXdp(programs->xdp, packet.ifindex, packet.bytes);
    if (!run.ok()) return run.status();
    Outcome outcome;
    outcome.pass = run->action == XDP_PASS;
    if (outcome.pass && !run->mark) return std::nullopt;
    if (run->mark) {
      if (run->mark->ifindex != packet.ifindex || run->mark->stamp != stamp()) return absl::InternalError("a wrong mark");
      outcome.tag = run->mark->slot;
      shows_tag_ = true;
    }
    if (const auto status = ReadReason(outcome); !status.ok()) return status;
    return outcome;
  }

  // The one counter of reasons that has risen says what was judged; none: the packet was established.
  absl::Status ReadReason(Outcome& outcome) {
    const auto now = world_.backend().ReadCounters();
    if (!now.ok()) return now.status();
    outcome.established = true;
    for (size_t i = 0; i < BH_REASON_COUNT * 3; ++i) {
      if ((*now)[i] == counters_[i]) continue;
      if (!outcome.established || (*now)[i] != counters_[i] + 1)
        return absl::InternalError("one packet was counted more than once");
      outcome.established = false;
      outcome.reason = static_cast<bh_reason>(i / 3);
      outcome.verdict = static_cast<Verdict>(i % 3);
    }
    counters_ = *now;
    return absl::OkStatus();
  }

  EbpfWorld& world_;
  std::vector<uint64_t> counters_;
  uint64_t elapsed_ = 0;  // seconds
  bool shows_tag_ = false;  // of the last packet
};

}  // namespace

absl::StatusOr<std::unique_ptr<Runner>> NewEbpfRunner(EbpfWorld& world) {
  if (const auto status = world.Reset(); !status.ok()) return status;
  auto counters = world.backend().ReadCounters();
  if (!counters.ok()) return counters.status();
  return std::make_unique<EbpfRunner>(world, *std::move(counters));
}

}  // namespace bulkhead::packet_test

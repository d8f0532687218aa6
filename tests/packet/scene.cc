// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/scene.h"

#include <gtest/gtest-spi.h>

#include <algorithm>
#include <sstream>

#include "tests/packet/chaos.h"

namespace bulkhead::packet_test {
namespace {

// Sums of these stay seconds away from every time-out: the real clock goes on meanwhile.
constexpr uint32_t kPauses[] = {25, 100, 9007};

std::string Describe(const Packet& packet) {
  std::ostringstream out;
  out << (packet.hook == BH_HOOK_INGRESS ? "ingress" : "egress") << " zone " << packet.zone << " ifindex " << packet.ifindex
      << " from " << packet.ingress_ifindex << " tag " << packet.tag << " bytes " << std::hex;
  for (const uint8_t byte : packet.bytes) out << (byte < 16 ? "0" : "") << int{byte};
  return out.str();
}

std::string Describe(const EndpointState& endpoint) {
  std::ostringstream out;
  out << "slot " << endpoint.slot << " ifindex " << endpoint.ifindex << " zone " << endpoint.zone
      << (endpoint.bound ? " bound" : " unbound") << (endpoint.mac.IsZero() ? " without MAC" : "") << " workload "
      << endpoint.workload << " identity " << endpoint.identity;
  for (const IpAddress& address : endpoint.addresses) out << " " << address.ToString();
  return out.str();
}

std::string Describe(const std::vector<PublishedTarget>& targets) {
  std::ostringstream out;
  for (const PublishedTarget& target : targets) {
    out << " " << target.host.ToString() << " " << target.host_port << "/" << int{target.protocol} << " -> "
        << target.target.ToString() << " " << target.target_port << " zone " << target.target_zone << ";";
  }
  return out.str();
}

Step Put(const EndpointState& endpoint) {
  return {"put " + Describe(endpoint), [endpoint](Stage& stage) {
            const uint16_t other = Replacement(endpoint.slot);
            if (stage.Has(other)) stage.Remove(other);
            stage.Put(endpoint);
          }};
}

Step Remove(uint16_t slot) {
  return {"remove " + std::to_string(slot), [slot](Stage& stage) {
            if (stage.Has(slot)) stage.Remove(slot);
          }};
}

Step Apply(const Setting& setting) {
  return {"policy, global " + std::to_string(static_cast<int>(setting.global_mode)) + "\n" + setting.policies + setting.audits,
          [setting](Stage& stage) { stage.Apply(setting); }};
}

Step StageDraft(const Setting& setting) {
  return {"stage, global " + std::to_string(static_cast<int>(setting.global_mode)) + "\n" + setting.policies + setting.audits,
          [setting](Stage& stage) { stage.StageDraft(setting); }};
}

Step Discard() {
  return {"discard", [](Stage& stage) { stage.Discard(); }};
}

// One of a kind that only some policies speak of, one of a kind that is there.
Step Grow(bool new_kind) {
  const IdentityId identity = Late().endpoint.identity + (new_kind ? 0 : 1);
  const std::string service = new_kind ? "late" : "api";
  return {"grow " + service, [identity, service](Stage& stage) {
            stage.Grow(identity, service);
            stage.PutAgain(identity);
          }};
}

Step Publish(const std::vector<PublishedTarget>& targets) {
  return {"publish" + Describe(targets), [targets](Stage& stage) { stage.Publish(targets); }};
}

Step SetHost(const std::vector<IpAddress>& addresses) {
  std::string text = "host addresses";
  for (const IpAddress& address : addresses) text += " " + address.ToString();
  return {text, [addresses](Stage& stage) { stage.SetHostAddresses(addresses); }};
}

Step Sweep() {
  return {"sweep", [](Stage& stage) { stage.Sweep(); }};
}

Step Advance(uint32_t seconds) {
  return {"pause " + std::to_string(seconds), [seconds](Stage& stage) { stage.Advance(seconds); }};
}

Step Flood() {
  return {"flood", [](Stage& stage) { stage.Flood(); }};
}

Step Proxy(bool is_world) {
  return {is_world ? "proxy is world" : "proxy is host", [is_world](Stage& stage) {
            DataplaneOptions options = Stage::Options();
            options.proxy_is_world = is_world;
            stage.SetOptions(options);
          }};
}

Step Run(const Packet& packet, Seen& seen) {
  return {Describe(packet), [packet, &seen](Stage& stage) {
            Packet here = packet;
            here.zone = stage.ZoneOf(packet.ifindex).value_or(packet.zone);
            const Outcome outcome = stage.Run(here);
            ++seen[outcome.established ? -1 : outcome.reason];
            // Again, at once: it is an entry's by now, or in a flood a note's.
            if (stage.flooded()) stage.Run(here);
          }};
}

Step Disturbance(Chaos& chaos) {
  switch (chaos.Below(16)) {
    case 0:
    case 1:
      return Advance(kPauses[chaos.Below(3)]);
    case 2:
      return Apply(chaos.RandomSetting());
    case 3:
      return Publish(chaos.RandomTargets());
    case 4:
    case 5:
    case 6:
      return Put(chaos.RandomEndpoint());
    case 7:
      return Remove(chaos.RandomEndpoint().slot);
    case 8:
      return chaos.OneIn(2) ? Flood() : Proxy(chaos.OneIn(2));
    case 9:
      return SetHost(chaos.RandomHostAddresses());
    case 10:
      return Sweep();
    case 11:
    case 12:
      return StageDraft(chaos.RandomSetting());
    case 13:
      return Discard();
    case 14:
      return Grow(chaos.OneIn(2));
    default:
      return Put(Cast()[chaos.Below(static_cast<uint32_t>(Cast().size()))].endpoint);
  }
}

}  // namespace

Scene RandomScene(uint64_t seed, uint64_t packets, Seen& seen) {
  Chaos chaos(seed);
  Scene scene{chaos.RandomSetting(), {Publish(chaos.RandomTargets())}};
  for (uint64_t i = 0; i < packets; ++i) {
    if (chaos.OneIn(20)) scene.steps.push_back(Disturbance(chaos));
    scene.steps.push_back(Run(chaos.RandomPacket(), seen));
  }
  return scene;
}

std::string Play(const Scene& scene) {
  testing::TestPartResultArray differences;
  {
    const testing::ScopedFakeTestPartResultReporter caught(testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD,
                                                           &differences);
    Stage stage(scene.setting);
    for (const Step& step : scene.steps) {
      if (differences.size() != 0) break;
      step.play(stage);
    }
  }
  std::string text;
  for (int i = 0; i < differences.size(); ++i) text += std::string(differences.GetTestPartResult(i).message()) + "\n";
  return text;
}

Scene Shrink(Scene scene) {
  for (size_t chunk = scene.steps.size() / 2; chunk > 0; chunk = chunk == 1 ? 0 : (chunk + 1) / 2) {
    for (size_t at = 0; at < scene.steps.size();) {
      Scene shorter = scene;
      const size_t end = std::min(at + chunk, shorter.steps.size());
      shorter.steps.erase(shorter.steps.begin() + static_cast<std::ptrdiff_t>(at),
                          shorter.steps.begin() + static_cast<std::ptrdiff_t>(end));
      if (Play(shorter).empty()) {
        at = end;
      } else {
        scene = std::move(shorter);
      }
    }
  }
  return scene;
}

}  // namespace bulkhead::packet_test

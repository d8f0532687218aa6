// SPDX-License-Identifier: Apache-2.0
// What `simulate` asks and is told. As wire.h: types list their JSON fields once.
#ifndef BULKHEAD_API_SIMULATE_H_
#define BULKHEAD_API_SIMULATE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace bulkhead::api {

// Either from, to, protocol and port: one packet at the hooks on its way. Or endpoint, hook and packets: each at that hook.
struct SimulateRequest {
  std::string ns;  // where names without a namespace are looked for
  std::string from, to, protocol;
  uint16_t port = 0, source_port = 0;  // source_port 0: one that no flow has
  std::string endpoint;
  std::string hook;                  // ingress, egress
  std::vector<std::string> packets;  // Ethernet frames in hexadecimal digits

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("namespace", self.ns);
    visit("from", self.from);
    visit("to", self.to);
    visit("protocol", self.protocol);
    visit("port", self.port);
    visit("source_port", self.source_port);
    visit("endpoint", self.endpoint);
    visit("hook", self.hook);
    visit("packets", self.packets);
  }
};

// One packet at one hook.
struct SimulatedStep {
  uint64_t packet = 0;   // from 1
  std::string workload;  // whose hook it is: NAMESPACE/NAME
  std::string interface;
  std::string hook;         // ingress, egress
  std::string path;         // established, judged, unjudged, refused
  bool passed = false;
  std::string verdict, reason;  // reason: of what is not allow
  std::string from, to;         // judged: the parties, in the flow's own direction
  std::string rule, egress_rule, ingress_rule;
  std::string flow;  // new: it would make an entry; again: its flow was judged again; quick: by the shortest way; fast: straight
                     // to the receiver, past its hook

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("packet", self.packet);
    visit("workload", self.workload);
    visit("interface", self.interface);
    visit("hook", self.hook);
    visit("path", self.path);
    visit("passed", self.passed);
    visit("verdict", self.verdict);
    visit("reason", self.reason);
    visit("from", self.from);
    visit("to", self.to);
    visit("rule", self.rule);
    visit("egress_rule", self.egress_rule);
    visit("ingress_rule", self.ingress_rule);
    visit("flow", self.flow);
  }
};

struct Simulation {
  uint64_t generation = 0;
  bool passed = false;   // all packets at all hooks
  uint64_t dropped = 0;  // packets
  std::string sent;      // from, to: what the packet is, "TCP SYN 198.18.0.5:49152 -> 198.18.0.7:5432"
  std::vector<SimulatedStep> steps;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("generation", self.generation);
    visit("passed", self.passed);
    visit("dropped", self.dropped);
    visit("sent", self.sent);
    visit("steps", self.steps);
  }
};

inline constexpr unsigned kMaxSimulatedPackets = 1000;
inline constexpr unsigned kMaxSimulatedBytes = 2048;  // of each; more is cut off

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_SIMULATE_H_

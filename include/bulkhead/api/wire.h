// SPDX-License-Identifier: Apache-2.0
// What travels between the daemon and its clients. Each type lists its JSON fields once, in Fields; encoder and decoder both follow
// that list. A field that is missing keeps its default, an unknown one is ignored, so that either end may be newer.
//
// Modes, verdicts and protocols are the names of model/common.h. Parties are "NAMESPACE/SERVICE", "host", "world" or "unknown".
// Values; no thread safety of their own.
#ifndef BULKHEAD_API_WIRE_H_
#define BULKHEAD_API_WIRE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bulkhead::api {

struct ApiError {
  std::string error;  // for people
  std::string code;   // name of the absl::StatusCode: "NOT_FOUND"

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("error", self.error);
    visit("code", self.code);
  }
};

struct SourceRow {
  std::string name;
  std::string state;  // connecting, synced, lost
  std::string error;
  uint64_t workloads = 0;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("name", self.name);
    visit("state", self.state);
    visit("error", self.error);
    visit("workloads", self.workloads);
  }
};

struct NetworkRow {
  std::string bridge;   // the host's interface
  std::string network;  // as the engine calls it; empty = not known
  bool fast_path = false;
  std::string reason;   // why there is none

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("bridge", self.bridge);
    visit("network", self.network);
    visit("fast_path", self.fast_path);
    visit("reason", self.reason);
  }
};

struct UnprotectedRow {
  std::string workload;  // NAMESPACE/NAME
  std::string service;   // NAMESPACE/SERVICE
  std::string mode;      // of the service
  std::string reason;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("workload", self.workload);
    visit("service", self.service);
    visit("mode", self.mode);
    visit("reason", self.reason);
  }
};

struct UplinkRow {
  std::string name;
  uint32_t ifindex = 0;
  std::string hook;  // native, generic, attaching
  uint64_t dropped = 0;  // packets, since it was first attached
  std::string error;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("name", self.name);
    visit("ifindex", self.ifindex);
    visit("hook", self.hook);
    visit("dropped", self.dropped);
    visit("error", self.error);
  }
};

// A prefix of the uplinks' deny list.
struct BlockRow {
  std::string prefix;
  uint64_t since_unix = 0;
  uint64_t until_unix = 0;  // 0: until it is removed
  uint64_t packets = 0, bytes = 0;  // dropped; a packet counts with the longest prefix that holds its source

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("prefix", self.prefix);
    visit("since_unix", self.since_unix);
    visit("until_unix", self.until_unix);
    visit("packets", self.packets);
    visit("bytes", self.bytes);
  }
};

struct BlockRequest {
  std::string prefix;  // bits behind its length are dropped
  uint64_t seconds = 0;  // 0: until it is removed

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("prefix", self.prefix);
    visit("seconds", self.seconds);
  }
};

// The rounds of the daemon's control loop since its start.
struct LoopRow {
  uint64_t rounds = 0;
  uint64_t late = 0;  // took more than 100 ms
  uint64_t p99_us = 0, longest_us = 0;
  std::map<std::string, uint64_t> late_by;  // late rounds, by what took most of each

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("rounds", self.rounds);
    visit("late", self.late);
    visit("p99_us", self.p99_us);
    visit("longest_us", self.longest_us);
    visit("late_by", self.late_by);
  }
};

struct GuardRow {
  std::string state;   // on, off, starting, failed, none
  std::string reason;
  uint64_t managed = 0;  // interfaces
  uint64_t exempt = 0;
  uint64_t dropped_from = 0;  // packets that unmanaged interfaces sent
  uint64_t dropped_to = 0;    // packets that were for them
  uint64_t restored = 0;      // times that it was put back

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("state", self.state);
    visit("reason", self.reason);
    visit("managed", self.managed);
    visit("exempt", self.exempt);
    visit("dropped_from", self.dropped_from);
    visit("dropped_to", self.dropped_to);
    visit("restored", self.restored);
  }
};

// The second opinion on live verdicts, since the daemon started.
struct SelfCheckRow {
  bool on = false;
  uint64_t checked = 0;
  uint64_t disagreements = 0;
  std::map<std::string, uint64_t> skipped;  // why -> how many
  std::string last;                         // disagreement, in words
  uint64_t last_unix = 0;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("on", self.on);
    visit("checked", self.checked);
    visit("disagreements", self.disagreements);
    visit("skipped", self.skipped);
    visit("last", self.last);
    visit("last_unix", self.last_unix);
  }
};

struct Status {
  bool ok = true;  // no service that enforces has an unprotected workload, and the self-check found no disagreement
  std::string version;
  int64_t pid = 0;
  uint64_t uptime_seconds = 0;
  uint64_t generation = 0;
  std::string attach;  // clsact, tcx
  std::string workload_hook;  // tc, xdp
  std::string uplink_hook;    // xdp, generic, none
  std::vector<UplinkRow> uplinks;
  GuardRow guard;
  uint64_t blocked_prefixes = 0;
  std::string mode;    // global
  std::map<std::string, uint64_t> services_by_mode;
  uint64_t workloads = 0;
  uint64_t protected_workloads = 0;
  uint64_t policies = 0;
  std::vector<UnprotectedRow> unprotected;
  std::vector<SourceRow> sources;
  std::vector<NetworkRow> networks;  // bridges that workloads are on
  std::vector<std::string> policy_errors;  // file:line:column and what is wrong
  std::vector<std::string> problems;
  SelfCheckRow self_check;
  std::string pending_confirm;
  LoopRow loop;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("ok", self.ok);
    visit("version", self.version);
    visit("pid", self.pid);
    visit("uptime_seconds", self.uptime_seconds);
    visit("generation", self.generation);
    visit("attach", self.attach);
    visit("workload_hook", self.workload_hook);
    visit("uplink_hook", self.uplink_hook);
    visit("uplinks", self.uplinks);
    visit("guard", self.guard);
    visit("blocked_prefixes", self.blocked_prefixes);
    visit("mode", self.mode);
    visit("services_by_mode", self.services_by_mode);
    visit("workloads", self.workloads);
    visit("protected_workloads", self.protected_workloads);
    visit("policies", self.policies);
    visit("unprotected", self.unprotected);
    visit("sources", self.sources);
    visit("networks", self.networks);
    visit("policy_errors", self.policy_errors);
    visit("problems", self.problems);
    visit("self_check", self.self_check);
    visit("pending_confirm", self.pending_confirm);
    visit("loop", self.loop);
  }
};

struct WorkloadRow {
  std::string ns, name, service, runtime, id;
  std::string mode;
  std::string state;   // protected, attaching, unprotected, no network
  std::string reason;  // of unprotected and attaching
  uint32_t identity = 0;
  std::string image, image_digest;
  std::vector<std::string> addresses, networks, interfaces, published;  // interfaces: host side; published: "8080->80/tcp"
  std::vector<std::string> ports;                                       // that policy may name: "http=8080/tcp"
  std::string via;                                                      // id of the workload whose network namespace it shares
  std::map<std::string, std::string> labels;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("namespace", self.ns);
    visit("name", self.name);
    visit("service", self.service);
    visit("runtime", self.runtime);
    visit("id", self.id);
    visit("mode", self.mode);
    visit("state", self.state);
    visit("reason", self.reason);
    visit("identity", self.identity);
    visit("image", self.image);
    visit("image_digest", self.image_digest);
    visit("addresses", self.addresses);
    visit("networks", self.networks);
    visit("interfaces", self.interfaces);
    visit("published", self.published);
    visit("ports", self.ports);
    visit("via", self.via);
    visit("labels", self.labels);
  }
};

struct ServiceRow {
  std::string ns, service, mode;
  uint64_t workloads = 0, protected_workloads = 0;
  std::vector<std::string> unprotected;  // "NAME: reason"
  bool ingress_isolated = false, egress_isolated = false;  // some policy keeps something out; those in audit do not
  std::vector<std::string> policies;  // that select it: "shop/db", "cnp:guard"
  uint64_t denied = 0;                // packets in the last hour, either side
  std::vector<std::string> images;    // digests
  std::vector<std::string> image_names;
  std::vector<std::string> new_images;  // of `images`: what no rule permits of them passes, until
  uint64_t new_until_unix = 0;          // the last of them is new no more; 0: none is

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("namespace", self.ns);
    visit("service", self.service);
    visit("mode", self.mode);
    visit("workloads", self.workloads);
    visit("protected_workloads", self.protected_workloads);
    visit("unprotected", self.unprotected);
    visit("ingress_isolated", self.ingress_isolated);
    visit("egress_isolated", self.egress_isolated);
    visit("policies", self.policies);
    visit("denied_1h", self.denied);
    visit("images", self.images);
    visit("image_names", self.image_names);
    visit("new_images", self.new_images);
    visit("new_until_unix", self.new_until_unix);
  }
};

// A connection of the flow table, or what is known of flows that have none: denied ones leave only edges and events behind.
struct FlowRow {
  std::string source = "flow";  // flow, edge (added up; packets are those denied), event (one packet)
  std::string from, to;
  std::string from_workload, to_workload;  // NAMESPACE/NAME, where the address is a workload's
  std::string from_address, to_address;
  uint16_t from_port = 0, to_port = 0;  // of the packets
  std::string protocol;
  uint16_t port = 0;  // as policy judged it: behind a published port, the workload's
  std::string verdict;
  std::string state;  // new, est, closing, closed; empty when the row is no flow
  uint64_t packets_to = 0, packets_back = 0, bytes_to = 0, bytes_back = 0;
  uint64_t flows = 0;  // of an edge
  uint64_t age_ms = 0, idle_ms = 0;
  std::string rule;                       // for people: "db ingress[0]"
  std::string egress_rule, ingress_rule;  // keys: "shop/db ingress[0]"
  std::string reason;                     // of an event
  std::optional<std::string> change;      // of a followed list: new, closed, revoked, denied, would-deny; none for what was there

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("source", self.source);
    visit("from", self.from);
    visit("to", self.to);
    visit("from_workload", self.from_workload);
    visit("to_workload", self.to_workload);
    visit("from_address", self.from_address);
    visit("to_address", self.to_address);
    visit("from_port", self.from_port);
    visit("to_port", self.to_port);
    visit("protocol", self.protocol);
    visit("port", self.port);
    visit("verdict", self.verdict);
    visit("state", self.state);
    visit("packets_to", self.packets_to);
    visit("packets_back", self.packets_back);
    visit("bytes_to", self.bytes_to);
    visit("bytes_back", self.bytes_back);
    visit("flows", self.flows);
    visit("age_ms", self.age_ms);
    visit("idle_ms", self.idle_ms);
    visit("rule", self.rule);
    visit("egress_rule", self.egress_rule);
    visit("ingress_rule", self.ingress_rule);
    visit("reason", self.reason);
    visit("change", self.change);
  }
};

struct ReasonCounter {
  std::string reason;
  std::string text;  // what it means, for people
  uint64_t denied = 0, would_deny = 0;  // packets

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("reason", self.reason);
    visit("text", self.text);
    visit("denied", self.denied);
    visit("would_deny", self.would_deny);
  }
};

struct Counters {
  std::vector<ReasonCounter> reasons;      // those that ever happened
  std::map<std::string, uint64_t> totals;  // flows_created, events_lost, ...

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("reasons", self.reasons);
    visit("totals", self.totals);
  }
};

// One denied, or would-be denied, packet.
struct EventRow {
  uint64_t sequence = 0;
  uint64_t time_unix_ms = 0;
  uint64_t age_ms = 0;
  std::string from, to;
  std::string from_workload, to_workload;
  std::string from_address, to_address;
  uint16_t from_port = 0, to_port = 0;
  std::string protocol;  // empty when the packet is not IP
  uint32_t ethertype = 0;
  std::string verdict, reason;
  std::string hook;  // ingress: the workload sent it; egress: it was on its way to the workload; uplink: it came in from outside
  uint32_t ifindex = 0;
  uint32_t length = 0;  // bytes, L2
  std::string rule, egress_rule, ingress_rule;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("sequence", self.sequence);
    visit("time_unix_ms", self.time_unix_ms);
    visit("age_ms", self.age_ms);
    visit("from", self.from);
    visit("to", self.to);
    visit("from_workload", self.from_workload);
    visit("to_workload", self.to_workload);
    visit("from_address", self.from_address);
    visit("to_address", self.to_address);
    visit("from_port", self.from_port);
    visit("to_port", self.to_port);
    visit("protocol", self.protocol);
    visit("ethertype", self.ethertype);
    visit("verdict", self.verdict);
    visit("reason", self.reason);
    visit("hook", self.hook);
    visit("ifindex", self.ifindex);
    visit("length", self.length);
    visit("rule", self.rule);
    visit("egress_rule", self.egress_rule);
    visit("ingress_rule", self.ingress_rule);
  }
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_WIRE_H_

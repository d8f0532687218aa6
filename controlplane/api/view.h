// SPDX-License-Identifier: Apache-2.0
// View: an immutable snapshot of the control plane, made by the control thread and read by everybody else.
#ifndef BULKHEAD_CONTROLPLANE_API_VIEW_H_
#define BULKHEAD_CONTROLPLANE_API_VIEW_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bulkhead/model/compiled_policy.h"
#include "bulkhead/model/durations.h"
#include "bulkhead/model/policy.h"
#include "bulkhead/model/workload.h"
#include "controlplane/policy/compile.h"

namespace bulkhead {

using ServiceName = std::pair<std::string, std::string>;  // namespace, service

// The modes in force: the nearest of service, namespace, global.
struct Modes {
  Mode global = Mode::kLearn;
  std::map<std::string, Mode> namespaces;
  std::map<ServiceName, Mode> services;

  Mode Of(const std::string& ns, const std::string& service) const {
    if (const auto at = services.find({ns, service}); at != services.end()) return at->second;
    if (const auto at = namespaces.find(ns); at != namespaces.end()) return at->second;
    return global;
  }
  bool operator==(const Modes&) const = default;
};

struct SourceStatus {
  std::string name;
  std::string state;  // "connecting", "synced", "lost"
  std::string error;
  uint64_t workloads = 0;
};

// One file of the policy folder. error: file:line:column and what is wrong; such a file's objects are the last good ones.
struct PolicyFileStatus {
  std::string file;
  std::vector<std::string> objects;  // "shop/db"
  std::vector<std::string> errors;
  bool managed = false;  // written by `apply`
};

struct EndpointView {
  uint16_t slot = 0;
  uint16_t zone = 0;
  uint32_t ifindex = 0;
  bool bound = false;
  bool attached = false;
  std::string workload_key;  // "runtime/id"; empty = unknown
};

// A bridge that workloads are on, and whether their packets to each other go past it.
struct NetworkView {
  std::string bridge;
  std::string network;  // as the engine calls it; empty = not known
  bool fast_path = false;
  std::string reason;  // why not
};

// A candidate that is judged beside the policy in force.
struct StagedView {
  uint64_t since = 0;                               // Unix seconds
  std::vector<std::string> policies;                // PolicyRef of what differs from the policy in force
  std::unordered_map<uint32_t, RuleInfo> rules;     // by the ids that staged edges carry
};

// An interface that packets come in through from outside.
struct UplinkView {
  uint32_t ifindex = 0;
  std::string name;
  std::string hook;   // "native", "generic", "attaching"
  std::string error;  // why it is not attached
};

// The nftables rules that drop what no program of the dataplane holds.
struct GuardView {
  std::string state = "off";  // "on", "off", "starting", "failed", "none"
  std::string reason;         // why it is on or off
  uint64_t managed = 0, exempt = 0;           // interfaces
  uint64_t dropped_from = 0, dropped_to = 0;  // packets that unmanaged interfaces sent, or that were for them
  uint64_t restored = 0;                      // times that it was put back after somebody had changed it
};

// A prefix of the uplinks' deny list.
struct BlockView {
  Prefix prefix;
  uint64_t since = 0, until = 0;  // Unix seconds; until 0: no end
};

// An identity whose image is new to its service: see Newcomer.
struct NewcomerView {
  Newcomer kind = Newcomer::kReported;
  uint64_t since = 0, until = 0;  // Unix seconds
};

// What the second opinion on live verdicts found since the daemon started.
struct SelfCheckView {
  bool on = false;
  uint64_t checked = 0;
  uint64_t disagreements = 0;
  std::map<std::string, uint64_t> skipped;  // why -> how many
  std::string last;                         // disagreement, in words
  uint64_t last_at = 0;                     // Unix seconds
};

// How large the policy in force is, as the dataplane holds it.
struct PolicySize {
  uint64_t subjects = 0, classes = 0, rows = 0, rulesets = 0, rules = 0;
};

// How long the control thread took, since the daemon started.
struct ControlDurations {
  Durations policy_compile;  // until it was published
  Durations source_event;    // from an engine's event to the dataplane that follows from it
};

struct View {
  uint64_t generation = 0;
  uint64_t made_at_ns = 0;  // CLOCK_MONOTONIC
  uint64_t started_at = 0;  // Unix seconds
  Modes modes;
  std::vector<SourceStatus> sources;
  std::map<std::string, Workload> workloads;  // by "runtime/id"
  std::vector<EndpointView> endpoints;
  std::vector<NetworkView> networks;
  std::unordered_map<IdentityId, Identity> identities;  // every one that was ever given out and is remembered
  std::unordered_map<uint32_t, RuleInfo> rules;         // by interned id, likewise
  std::map<std::string, Labels> namespaces;             // implicit label included
  std::map<IdentityId, NewcomerView> newcomers;
  std::vector<KnownNode> nodes;                         // this host, as peers `nodes` select it
  std::shared_ptr<const PolicyDocuments> documents;     // of the active generation
  std::vector<PolicyFileStatus> policy_files;
  std::vector<std::string> problems;  // sentences for `status`
  std::vector<std::string> host_addresses;
  std::vector<std::string> resolvers;       // DNS servers that proposals permit besides those seen; from the config
  std::vector<std::string> resolver_hints;  // those that the host itself asks
  PolicyOptions policy_options;
  std::optional<StagedView> staged;
  std::string attach;           // "clsact" or "tcx"
  std::string workload_hook;    // "tc" or "xdp"
  std::string uplink_hook;      // "xdp", "generic" or "none"
  std::vector<UplinkView> uplinks;
  GuardView guard;
  std::shared_ptr<const std::vector<BlockView>> blocks;  // may be null: none
  SelfCheckView self_check;
  uint32_t epoch = 0;
  PolicySize policy_size;
  ControlDurations durations;
  std::string pending_confirm;  // what reverts unless confirmed, and when; empty = nothing
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_API_VIEW_H_

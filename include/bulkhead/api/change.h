// SPDX-License-Identifier: Apache-2.0
// Wire types of what changes policy, and of what helps to decide: policies, modes, explanations, learning. Conventions: wire.h.
#ifndef BULKHEAD_API_CHANGE_H_
#define BULKHEAD_API_CHANGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bulkhead/api/rule.h"

namespace bulkhead::api {

struct PolicyRow {
  std::string policy;    // "shop/db", "cnp:guard": names it everywhere
  std::string ns, name;  // ns is empty for what is in no namespace
  std::string kind;      // NetworkPolicy, ClusterNetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy
  std::string tier;      // Admin, NetworkPolicy, Baseline
  uint32_t priority = 0;  // within the tier, of those that have one
  bool audit = false;    // what it denies passes, and is reported
  std::string selector;                  // "app=db"; "all"; "app=db in namespaces team=shop"
  bool ingress = false, egress = false;  // has a say there
  uint64_t ingress_rules = 0, egress_rules = 0;
  uint64_t workloads = 0;  // that it selects now
  std::string file;        // with line: "policies.d/db.yaml:3"
  bool managed = false;    // written by `policy apply`

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("policy", self.policy);
    visit("namespace", self.ns);
    visit("name", self.name);
    visit("kind", self.kind);
    visit("tier", self.tier);
    visit("priority", self.priority);
    visit("audit", self.audit);
    visit("selector", self.selector);
    visit("ingress", self.ingress);
    visit("egress", self.egress);
    visit("ingress_rules", self.ingress_rules);
    visit("egress_rules", self.egress_rules);
    visit("workloads", self.workloads);
    visit("file", self.file);
    visit("managed", self.managed);
  }
};

struct PolicyList {
  uint64_t generation = 0;
  std::vector<PolicyRow> policies;
  std::vector<std::string> errors;  // of files that are not in force as they stand

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("generation", self.generation);
    visit("policies", self.policies);
    visit("errors", self.errors);
  }
};

struct PolicyDetail {
  PolicyRow policy;
  std::string yaml;                  // as it is in force, not as the file may stand now
  std::vector<std::string> selects;  // NAMESPACE/NAME of workloads
  std::vector<RuleRow> rules;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("policy", self.policy);
    visit("yaml", self.yaml);
    visit("selects", self.selects);
    visit("rules", self.rules);
  }
};

struct PolicyFile {
  std::string name;  // for messages
  std::string text;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("name", self.name);
    visit("text", self.text);
  }
};

struct ApplyRequest {
  std::vector<PolicyFile> files;
  bool dry_run = false;
  std::optional<std::string> mode;  // for the services that the policies select
  uint32_t confirm_seconds = 0;     // 0: for good; else it reverts unless confirmed in time
  bool force = false;               // mode enforce also for services that are not ready

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("files", self.files);
    visit("dry_run", self.dry_run);
    visit("mode", self.mode);
    visit("confirm_seconds", self.confirm_seconds);
    visit("force", self.force);
  }
};

struct Change {
  uint64_t generation = 0;
  std::vector<std::string> changes;  // sentences
  std::vector<std::string> notes;    // what is not enforced because of mode, or stays open for want of a policy

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("generation", self.generation);
    visit("changes", self.changes);
    visit("notes", self.notes);
  }
};

struct ModeRow {
  std::string scope;  // global, namespace, service
  std::string ns, service;
  std::string mode;
  std::string from;  // where it was set: global, namespace, service

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("scope", self.scope);
    visit("namespace", self.ns);
    visit("service", self.service);
    visit("mode", self.mode);
    visit("from", self.from);
  }
};

struct ModeList {
  std::vector<ModeRow> modes;  // what was set, then every service that exists with the mode it has
  std::string pending_confirm;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("modes", self.modes);
    visit("pending_confirm", self.pending_confirm);
  }
};

// Both names empty: global. mode absent: back to what is inherited.
struct ModeRequest {
  std::string ns, service;
  std::optional<std::string> mode;
  uint32_t confirm_seconds = 0;
  bool force = false;  // also when a service that goes to a stricter mode is not ready

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("namespace", self.ns);
    visit("service", self.service);
    visit("mode", self.mode);
    visit("confirm_seconds", self.confirm_seconds);
    visit("force", self.force);
  }
};

struct EdgeRow {
  std::string from, to, protocol;
  uint16_t port = 0;
  std::string verdict;
  std::string peer;                              // address of the side that is no workload
  uint64_t flows = 0, answered = 0, denied = 0;  // denied: packets
  uint64_t first_seen_unix = 0, last_seen_unix = 0;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("from", self.from);
    visit("to", self.to);
    visit("protocol", self.protocol);
    visit("port", self.port);
    visit("verdict", self.verdict);
    visit("peer", self.peer);
    visit("flows", self.flows);
    visit("answered", self.answered);
    visit("denied", self.denied);
    visit("first_seen_unix", self.first_seen_unix);
    visit("last_seen_unix", self.last_seen_unix);
  }
};

struct ProposalRow {
  std::string ns, service, yaml;
  uint64_t answered_flows = 0, covered_flows = 0, set_aside = 0;

  template <class Self, class Visitor>
  static void Fields(Self& self, Visitor&& visit) {
    visit("namespace", self.ns);
    visit("service", self.service);
    visit("yaml", self.yaml);
    visit("answered_flows", self.answered_flows);
    visit("covered_flows", self.covered_flows);
    visit("set_aside", self.set_aside);
  }
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_API_CHANGE_H_

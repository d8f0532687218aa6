// SPDX-License-Identifier: Apache-2.0
// Reconciler: brings the dataplane to what the inventory and the policy say, with as few writes as that takes, in the order that keeps
// every moment in between safe: unbound endpoints first, then the policy that knows their subjects, then what they are.
//
// Thread safety: one thread (the control thread).
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_RECONCILER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_RECONCILER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/api/view.h"
#include "controlplane/daemon/policy_input.h"
#include "controlplane/daemon/policy_keeper.h"
#include "controlplane/daemon/rule_book.h"
#include "controlplane/identity/interner.h"
#include "controlplane/inventory/inventory.h"
#include "controlplane/policy/compile.h"
#include "controlplane/store/store.h"
#include "dataplane/backend.h"

namespace bulkhead {

class Reconciler {
 public:
  // All must outlive it. `adopted`: what the dataplane holds already. in_force: it holds a policy that knows them. `generation`: of
  // the last policy there was; 0 = none.
  Reconciler(Backend* backend, Store* store, const IdentityInterner* interner, RuleBook* rules, PolicyOptions options,
             const std::vector<EndpointState>& adopted, bool in_force, uint64_t generation);

  // Compiles without publishing: would this policy do?
  absl::StatusOr<CompiledPolicy> Compile(const PolicyInput& input, const InventoryState& inventory, uint64_t generation) const;

  // Publishes everything. What fails is in problems() and is tried again by the next call.
  // `release`: called for an interface that is to be given up while it may still have programs; true: they are gone, go on; false: not
  // now, ask again by the next call.
  void Sync(const PolicyInput& input, const InventoryState& inventory, const std::function<bool(uint32_t ifindex)>& release);

  // The candidate that is judged beside the policy in force, kept up like it; documents null: none. Only what people decide differs
  // from `input`. Errors: it does not compile or does not fit; then none is staged.
  absl::Status SyncStaged(const std::shared_ptr<const PolicyDocuments>& documents, const PolicyInput& input,
                          const InventoryState& inventory);
  // The candidate's rules, by the ids that staged edges carry. They are not those of the policy in force.
  const RuleBook& staged_rules() const { return staged_rules_; }
  bool has_staged() const { return staged_ != nullptr; }

  uint64_t generation() const { return policy() ? policy()->generation : generation_; }
  std::shared_ptr<const CompiledPolicy> policy() const { return active_.policy(); }
  std::shared_ptr<const PolicyDocuments> documents() const { return policy() ? active_.input().documents : nullptr; }
  // That policy() was made by.
  PolicyOptions policy_options() const { return active_.options(); }
  // Of the last attempt to publish a policy.
  const absl::Status& policy_status() const { return active_.status(); }
  const Durations& compile_durations() const { return active_.durations(); }
  // What the dataplane holds.
  const std::map<uint16_t, EndpointState>& endpoints() const { return applied_; }
  const std::vector<IpAddress>& host_addresses() const { return host_addresses_; }
  std::vector<std::string> problems() const;

 private:
  void PutUnboundFirst(const InventoryState& inventory);
  void PutForgottenFirst(const InventoryState& inventory);
  void UpdatePolicy(const PolicyInput& input, const InventoryState& inventory);
  // What is in force although the last attempt failed.
  std::string WhatStays() const;
  void NumberRules(CompiledPolicy* policy);
  void Remember();
  void PutEndpoints(const InventoryState& inventory);
  void RemoveEndpoints(const InventoryState& inventory, const std::function<bool(uint32_t)>& release);
  void Put(const EndpointState& endpoint);
  void Note(const std::string& what, const absl::Status& status);

  Backend* const backend_;
  Store* const store_;
  const IdentityInterner* const interner_;
  RuleBook* const rules_;
  const PolicyOptions options_;

  uint64_t generation_;        // of before the first policy of ours
  uint64_t saved_generation_;
  const bool first_;           // no policy was in force before
  std::vector<RuleInfo> unsaved_rules_;
  PolicyKeeper active_;
  std::unique_ptr<PolicyKeeper> staged_;
  RuleBook staged_rules_;
  bool unstaged_ = true;  // the dataplane is known to have none: it drops an adopted one
  std::map<uint16_t, EndpointState> applied_;  // by slot
  std::vector<IpAddress> host_addresses_;
  bool host_addresses_set_ = false;
  std::vector<PublishedTarget> published_;
  bool published_set_ = false;
  std::map<std::string, std::string> problems_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_RECONCILER_H_

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
#include "controlplane/daemon/rule_book.h"
#include "controlplane/identity/interner.h"
#include "controlplane/inventory/inventory.h"
#include "controlplane/policy/compile.h"
#include "controlplane/store/store.h"
#include "dataplane/backend.h"

namespace bulkhead {

// What people decided.
struct PolicyInput {
  std::shared_ptr<const PolicyDocuments> documents = std::make_shared<PolicyDocuments>();
  Modes modes;
  std::vector<IpAddress> host_addresses;  // sorted
  KnownNode node;                         // this host
};

class Reconciler {
 public:
  // All must outlive it. `adopted`: what the dataplane holds already. `generation`: of the policy that it holds; 0 = none.
  Reconciler(Backend* backend, Store* store, const IdentityInterner* interner, RuleBook* rules, PolicyOptions options,
            const std::vector<EndpointState>& adopted, uint64_t generation);

  // Compiles without publishing: would this policy do?
  absl::StatusOr<CompiledPolicy> Compile(const PolicyInput& input, const InventoryState& inventory, uint64_t generation) const;

  // Publishes everything. What fails is in problems() and is tried again by the next call.
  // `release`: called for an interface that is to be given up while it may still have programs; true: they are gone, go on; false: not
  // now, ask again by the next call.
  void Sync(const PolicyInput& input, const InventoryState& inventory, const std::function<bool(uint32_t ifindex)>& release);

  uint64_t generation() const { return policy_ ? policy_->generation : generation_; }
  std::shared_ptr<const CompiledPolicy> policy() const { return policy_; }
  std::shared_ptr<const PolicyDocuments> documents() const { return documents_; }
  // Of the last attempt to publish a policy.
  const absl::Status& policy_status() const { return policy_status_; }
  std::vector<std::string> problems() const;

 private:
  bool Knows(IdentityId identity, const std::set<IpAddress>& addresses);
  bool NeedsPolicy(const PolicyInput& input, const InventoryState& inventory);
  void PutUnboundFirst(const InventoryState& inventory);
  void ApplyPolicy(const PolicyInput& input, const InventoryState& inventory);
  void PutEndpoints(const InventoryState& inventory);
  void RemoveEndpoints(const InventoryState& inventory, const std::function<bool(uint32_t)>& release);
  void Put(const EndpointState& endpoint);
  void Note(const std::string& what, const absl::Status& status);

  Backend* const backend_;
  Store* const store_;
  const IdentityInterner* const interner_;
  RuleBook* const rules_;
  const PolicyOptions options_;

  uint64_t generation_;  // of before the first policy of ours
  std::shared_ptr<const CompiledPolicy> policy_;
  std::shared_ptr<const PolicyDocuments> documents_;  // of policy_
  PolicyInput tried_;                                 // by the last attempt, good or not
  std::set<std::pair<IdentityId, IpAddress>> tried_subjects_;
  absl::Status policy_status_;
  std::set<std::pair<IdentityId, IpAddress>> known_;  // subjects that policy_ is known to have
  std::map<uint16_t, EndpointState> applied_;         // by slot
  std::vector<IpAddress> host_addresses_;
  bool host_addresses_set_ = false;
  std::vector<PublishedTarget> published_;
  bool published_set_ = false;
  std::map<std::string, std::string> problems_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_RECONCILER_H_

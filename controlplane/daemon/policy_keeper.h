// SPDX-License-Identifier: Apache-2.0
// PolicyKeeper: keeps one policy of the dataplane up with what it is made of. What people decide makes a new policy; somebody new
// is added to the one that is there. A policy that fails leaves the one of before; where that one protects nobody, a closed one
// takes its place.
//
// Thread safety: one thread (the control thread).
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_POLICY_KEEPER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_POLICY_KEEPER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "bulkhead/model/durations.h"
#include "controlplane/daemon/policy_input.h"
#include "controlplane/identity/interner.h"
#include "controlplane/inventory/inventory.h"
#include "controlplane/policy/compile.h"

namespace bulkhead {

class PolicyKeeper {
 public:
  // Where the policy goes. `number` fills in the rules' ids before the dataplane sees them.
  struct Outlet {
    std::function<void(CompiledPolicy*)> number;
    std::function<absl::Status(std::shared_ptr<const CompiledPolicy>)> apply;
    std::function<absl::Status(const PolicyGrowth&)> grow;
  };

  // What the dataplane does when nothing of ours is there.
  enum class Before : uint8_t {
    kNothing,      // it lets everything pass: a closed policy stands in for one that fails
    kOlderPolicy,  // it goes on with what an earlier process left
    kDecidesNot,   // it goes by another policy; this one only judges beside it
  };

  // The interner must outlive it.
  PolicyKeeper(const IdentityInterner* interner, PolicyOptions options, Before before, Outlet outlet)
      : interner_(interner), options_(options), before_(before), outlet_(std::move(outlet)) {}

  // Whether CatchUp has anything to do. What failed for good (it does not fit, it is no policy) is only tried again with something
  // new.
  bool IsBehind(const PolicyInput& input, const InventoryState& inventory);
  // Brings the policy up with these: by growth where that will do, else compiled anew under the number `generation`. When that
  // fails status() says why, the policy of before stays, and is what newcomers are added to. One that knows no workload does not
  // stay: see closed().
  void CatchUp(const PolicyInput& input, const InventoryState& inventory, uint64_t generation);

  // The one that the dataplane has; null: none of ours. It may grow: see compiled_policy.h for who may read what of it.
  std::shared_ptr<const CompiledPolicy> policy() const { return policy_; }
  // Of policy().
  const PolicyInput& input() const { return input_; }
  // Of the last attempt.
  const absl::Status& status() const { return status_; }
  // Of making policies anew, and publishing them.
  const Durations& durations() const { return durations_; }
  // policy() is not what people decided: it has their modes, but no documents, and denies what nothing decides.
  bool closed() const { return closed_; }
  // The last attempt failed, and not even a closed policy could be had: nobody is protected.
  bool open() const { return open_; }
  // That policy() was made by.
  PolicyOptions options() const { return closed_ ? PolicyOptions{false, options_.allow_from_host} : options_; }

 private:
  using Identities = std::map<IdentityId, std::set<IpAddress>>;

  bool KnowsHost(const PolicyInput& input) const;
  // Identities, and addresses of known ones, that policy_ lacks.
  std::vector<KnownIdentity> FindNew(const Identities& identities, const PolicyInput& input);
  absl::Status Grow(const std::vector<KnownIdentity>& fresh);
  // Whoever is here is open, whatever its mode: the dataplane has no policy, or one that knows none of them.
  bool ProtectsNobody(const InventoryState& inventory) const;
  void KeepUp(const PolicyInput& input, const InventoryState& inventory, uint64_t generation);
  absl::Status Publish(const PolicyInput& input, const InventoryState& inventory, uint64_t generation);
  absl::Status PublishClosed(const PolicyInput& input, const InventoryState& inventory, uint64_t generation);
  absl::Status Apply(const CompileInput& made, const PolicyInput& input);

  const IdentityInterner* const interner_;
  const PolicyOptions options_;
  const Before before_;
  const Outlet outlet_;

  Compiler compiler_;
  std::shared_ptr<const CompiledPolicy> policy_;
  PolicyInput input_;
  absl::Status status_;
  Durations durations_;
  bool closed_ = false, open_ = false;
  Identities known_;                  // those that policy_ is known to have
  std::optional<PolicyInput> tried_;  // by the last attempt, good or not
  Identities tried_identities_;       // when it failed
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_POLICY_KEEPER_H_

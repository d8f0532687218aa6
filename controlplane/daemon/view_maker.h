// SPDX-License-Identifier: Apache-2.0
// MakeView: the snapshot that readers get, from what the control thread knows.
//
// Thread safety: a pure function of its arguments; called by the control thread.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_VIEW_MAKER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_VIEW_MAKER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/api/view.h"
#include "controlplane/daemon/policy_folder.h"
#include "controlplane/daemon/reconciler.h"
#include "controlplane/daemon/rule_book.h"
#include "controlplane/identity/interner.h"
#include "controlplane/inventory/inventory.h"

namespace bulkhead {

struct ViewParts {
  const InventoryState* inventory = nullptr;
  const Reconciler* reconciler = nullptr;
  const LoadedPolicies* policies = nullptr;
  const PolicyInput* input = nullptr;
  const IdentityInterner* identities = nullptr;
  const RuleBook* rules = nullptr;
  std::function<bool(uint32_t ifindex)> attached;
  std::vector<NetworkView> networks;
  std::vector<std::string> problems;  // of the daemon itself
  std::string attach, workload_hook, uplink_hook;
  std::vector<UplinkView> uplinks;
  GuardView guard;
  const std::map<IdentityId, NewcomerView>* newcomers = nullptr;
  std::vector<std::string> resolvers, resolver_hints;
  std::shared_ptr<const std::vector<BlockView>> blocks;
  SelfCheckView self_check;
  uint32_t epoch = 0;
  Durations source_event;
  std::string pending_confirm;
  uint64_t staged_since = 0;  // Unix seconds; 0: nothing is staged
  std::vector<std::string> staged_policies;
  uint64_t started_at = 0;  // Unix seconds
  uint64_t now_ns = 0;      // CLOCK_MONOTONIC
};

std::shared_ptr<const View> MakeView(const ViewParts& parts);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_VIEW_MAKER_H_

// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/handover.h"

#include <algorithm>
#include <map>

namespace bulkhead {

void Handover::Begin(const std::vector<uint32_t>& interfaces, uint64_t now) {
  std::map<uint32_t, uint64_t> until;
  for (const uint32_t ifindex : interfaces) {
    if (!attached_.contains(ifindex)) until[ifindex] = now + kFreeFor;
  }
  for (const uint32_t ifindex : older_) until[ifindex] = UINT64_MAX;
  keeper_->HoldBack(std::move(until));
}

absl::Status Handover::Sync(bool settled, const InventoryState& inventory) {
  if (!settled) return absl::OkStatus();
  keeper_->HoldBack({});
  if (!finish_) return absl::OkStatus();
  std::set<uint32_t> wanted;
  for (const auto& [slot, endpoint] : inventory.endpoints) wanted.insert(endpoint.ifindex);
  std::erase_if(older_, [&](uint32_t ifindex) {
    return wanted.contains(ifindex) ? keeper_->IsAttached(ifindex) : keeper_->Release(ifindex);
  });
  if (!older_.empty()) return absl::OkStatus();
  const absl::Status status = finish_();
  if (status.ok()) finish_ = nullptr;
  return status;
}

}  // namespace bulkhead

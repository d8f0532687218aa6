// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/handover.h"

#include <algorithm>

namespace bulkhead {

void Handover::Begin(const std::vector<uint32_t>& interfaces, uint64_t now) {
  for (const uint32_t ifindex : interfaces) {
    if (!attached_.contains(ifindex) && !older_.contains(ifindex)) held_.insert(ifindex);
  }
  held_until_ = now + kFreeFor;
  std::set<uint32_t> all = held_;
  all.insert(older_.begin(), older_.end());
  keeper_->HoldBack(std::move(all));
}

absl::Status Handover::Sync(bool settled, const InventoryState& inventory, uint64_t now) {
  if (!held_.empty() && (settled || now >= held_until_)) {
    keeper_->LetGo(held_, inventory, outlet_.together);
    held_.clear();
  }
  if (!settled) return absl::OkStatus();
  if (older_held_) keeper_->LetGo(older_, inventory, outlet_.together);
  older_held_ = false;
  if (!outlet_.finish) return absl::OkStatus();
  std::set<uint32_t> wanted;
  for (const auto& [slot, endpoint] : inventory.endpoints) wanted.insert(endpoint.ifindex);
  std::erase_if(older_, [&](uint32_t ifindex) {
    return wanted.contains(ifindex) ? keeper_->IsAttached(ifindex) : keeper_->Release(ifindex);
  });
  if (!older_.empty()) return absl::OkStatus();
  const absl::Status status = outlet_.finish();
  if (status.ok()) outlet_.finish = nullptr;
  return status;
}

}  // namespace bulkhead

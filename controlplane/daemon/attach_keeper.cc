// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/attach_keeper.h"

#include <utility>

namespace bulkhead {
namespace {

constexpr uint64_t kRetry = kSecond / 2;
constexpr uint64_t kVerify = 30 * kSecond;

}  // namespace

void AttachKeeper::Sync(const InventoryState& inventory, uint64_t now) {
  now_ = now;
  for (const auto& [slot, endpoint] : inventory.endpoints) {
    Interface& interface = interfaces_[endpoint.ifindex];
    if (interface.busy) continue;
    if (held_.contains(endpoint.ifindex)) continue;
    const bool moved = interface.attached && interface.zone != endpoint.zone;
    if (moved || now >= interface.next) Attach(endpoint.ifindex, &interface, endpoint.zone);
  }
}

void AttachKeeper::LetGo(const std::set<uint32_t>& interfaces, const InventoryState& inventory,
                         const std::function<void(const Interfaces&)>& together) {
  Interfaces wanted;
  for (const auto& [slot, endpoint] : inventory.endpoints) {
    if (interfaces.contains(endpoint.ifindex) && held_.contains(endpoint.ifindex)) wanted.emplace_back(endpoint.ifindex, endpoint.zone);
  }
  const auto free = [this, interfaces] { std::erase_if(held_, [&](uint32_t ifindex) { return interfaces.contains(ifindex); }); };
  if (wanted.empty() || !together) return free();
  run_([this, wanted, together, free] {
    together(wanted);
    back_(free);
  });
}

void AttachKeeper::Attach(uint32_t ifindex, Interface* interface, uint16_t zone) {
  interface->zone = zone;
  interface->busy = true;
  interface->detached = false;
  run_([this, ifindex, zone] {
    const absl::Status status = backend_->Attach(ifindex, zone);
    back_([this, ifindex, status] {
      Interface& mine = interfaces_[ifindex];
      mine.busy = false;
      mine.attached = status.ok();
      mine.next = now_ + (status.ok() ? kVerify : kRetry);
      done_(ifindex, status);
    });
  });
}

bool AttachKeeper::Release(uint32_t ifindex) {
  const auto at = interfaces_.find(ifindex);
  if (at != interfaces_.end() && at->second.detached) {
    interfaces_.erase(at);
    return true;
  }
  Interface& interface = interfaces_[ifindex];  // one that was adopted is new here
  if (interface.busy) return false;
  interface.busy = true;
  interface.attached = false;
  run_([this, ifindex] {
    // An interface that is gone took its programs along; what is left of them, pins for one, goes now.
    (void)backend_->Detach(ifindex);
    back_([this, ifindex] {
      Interface& mine = interfaces_[ifindex];
      mine.busy = false;
      mine.detached = true;
      mine.next = 0;
    });
  });
  return false;
}

bool AttachKeeper::IsAttached(uint32_t ifindex) const {
  const auto at = interfaces_.find(ifindex);
  return at != interfaces_.end() && at->second.attached;
}

}  // namespace bulkhead

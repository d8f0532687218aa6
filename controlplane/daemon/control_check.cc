// SPDX-License-Identifier: Apache-2.0
// Control's part in the self-check: what it compares with.
#include "controlplane/daemon/control.h"

namespace bulkhead {

void Control::MakeSelfCheck() {
  SelfCheckParts parts;
  if (parts_.sample_flows && parts_.stamp) parts.most = parts_.config.self_check_per_second;
  if (parts.most > 0) check_worker_ = std::make_unique<Worker>();
  parts.sample_flows = parts_.sample_flows;
  parts.events = &events_;
  parts.in_force = [this] { return WhatIsInForce(); };
  parts.view = [this] { return GetView(); };
  parts.unix_now = [this] { return static_cast<uint64_t>(parts_.clock->UnixSeconds()); };
  parts.run = [this](std::function<void()> job) { check_worker_->Post(std::move(job)); };
  parts.back = [this](std::function<void()> job) { parts_.loop->Post(std::move(job)); };
  self_check_ = std::make_unique<SelfCheck>(std::move(parts));
}

// While a policy was refused, the view's modes and nodes are not those of the one in force.
std::optional<InForce> Control::WhatIsInForce() const {
  const std::shared_ptr<const CompiledPolicy> policy = reconciler_->policy();
  if (policy == nullptr || !reconciler_->policy_status().ok()) return std::nullopt;
  return InForce{policy.get(), parts_.stamp(), &reconciler_->endpoints(), &reconciler_->host_addresses()};
}

}  // namespace bulkhead

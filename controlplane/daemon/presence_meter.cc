// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/presence_meter.h"

#include <algorithm>

namespace bulkhead {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;  // ns

}  // namespace

void PresenceMeter::See(const std::map<std::string, ObservedWorkload>& observed, uint64_t now) {
  const uint64_t passed = now <= seen_at_ ? 0 : std::min(now - seen_at_, kLongestGap);
  for (const auto& [identity, count] : running_) ran_[identity] += count * passed;
  seen_at_ = now;
  running_.clear();
  for (const auto& [key, workload] : observed) ++running_[workload.identity];
  for (const auto& [identity, count] : running_) most_[identity] = std::max(most_[identity], count);
}

std::vector<Presence> PresenceMeter::Take() {
  std::vector<Presence> out;
  for (auto& [identity, ns] : ran_) {
    if (ns >= kMillisecond) out.push_back({identity, ns / kMillisecond, most_[identity]});
    ns %= kMillisecond;
  }
  most_ = running_;
  std::erase_if(ran_, [](const auto& entry) { return entry.second == 0; });
  return out;
}

void PresenceMeter::GiveBack(const std::vector<Presence>& taken) {
  for (const Presence& presence : taken) {
    ran_[presence.identity] += presence.workload_ms * kMillisecond;
    uint64_t& most = most_[presence.identity];
    most = std::max(most, presence.at_once);
  }
}

}  // namespace bulkhead

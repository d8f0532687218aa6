// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/protection.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace bulkhead::api {
namespace {

Protection OwnProtection(const Workload& workload, const std::string& key,
                         const std::map<std::pair<uint32_t, std::string>, bool>& held) {
  if (!workload.unprotected.empty()) return {"unprotected", workload.unprotected};
  if (workload.host_network) return {"unprotected", "host network"};
  for (const Endpoint& endpoint : workload.endpoints) {
    const auto at = held.find({endpoint.ifindex, key});
    if (at == held.end() || !at->second) {
      const std::string& name = endpoint.ifname.empty() ? endpoint.network : endpoint.ifname;
      return {"attaching", absl::StrCat("interface ", name.empty() ? "not found" : name, " is not held yet")};
    }
  }
  if (!workload.endpoints.empty()) return {"protected", ""};
  if (workload.no_network) return {"no network", ""};
  // An engine reports a workload before its interfaces can be seen.
  return {"attaching", "no interface found yet"};
}

}  // namespace

std::map<std::string, Protection> ProtectionOf(const View& view) {
  std::map<std::pair<uint32_t, std::string>, bool> held;  // (ifindex, workload key)
  for (const EndpointView& endpoint : view.endpoints)
    held[{endpoint.ifindex, endpoint.workload_key}] = endpoint.bound && endpoint.attached;

  std::map<std::string, Protection> out;
  for (const auto& [key, workload] : view.workloads) out[key] = OwnProtection(workload, key, held);
  for (const auto& [key, workload] : view.workloads) {
    if (workload.via.empty()) continue;
    const auto owner = view.workloads.find(workload.runtime + "/" + workload.via);
    out[key] = owner == view.workloads.end() ? Protection{"unprotected", "shares the network of a workload that is not known"}
                                             : OwnProtection(owner->second, owner->first, held);
  }
  return out;
}

}  // namespace bulkhead::api

// SPDX-License-Identifier: Apache-2.0
// Names: what the numbers of flows, edges and events are called, by one View. Immutable once made; any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_NAMES_H_
#define BULKHEAD_CONTROLPLANE_API_NAMES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bulkhead/model/flow_record.h"
#include "controlplane/api/view.h"

namespace bulkhead::api {

class Names {
 public:
  explicit Names(std::shared_ptr<const View> view);

  const View& view() const { return *view_; }

  // "shop/web", "host", "world", "unknown"; "identity 57" for one that nobody remembers.
  std::string Party(IdentityId identity) const;
  bool InNamespace(IdentityId identity, const std::string& ns) const;
  // The workload with the endpoint of that slot, else the only one with that address; nullptr: none, or several.
  const Workload* FindWorkload(uint16_t slot, const IpAddress& address) const;
  // "shop/web-1", or "" without a workload.
  std::string WorkloadName(uint16_t slot, const IpAddress& address) const;

  std::string RuleKey(uint32_t rule) const;
  // The rule that decided, as people read it: "db ingress[0]". When both sides allowed, the destination's unless only the source
  // has policy; else that of the side that denies.
  std::string DecidingRule(uint32_t source_rule, uint32_t destination_rule, Verdict verdict) const;

 private:
  const RuleInfo* FindRule(uint32_t rule) const;

  std::shared_ptr<const View> view_;
  std::unordered_map<uint16_t, const Workload*> by_slot_;
  std::map<IpAddress, const Workload*> by_address_;  // nullptr: several
};

// "NAMESPACE/NAME".
std::string WorkloadNameOf(const Workload& workload);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_NAMES_H_

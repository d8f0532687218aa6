// SPDX-License-Identifier: Apache-2.0
// Names: what the numbers of flows, edges and events are called, by one View. Immutable once made; any thread.
#ifndef BULKHEAD_CONTROLPLANE_API_NAMES_H_
#define BULKHEAD_CONTROLPLANE_API_NAMES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
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
  // The workload with the endpoint of that slot; nullptr: none.
  const Workload* FindWorkload(uint16_t slot) const;
  // The only one with that address; nullptr: none, or several.
  const Workload* FindWorkload(const IpAddress& address) const;
  // By slot, else by address: "shop/web-1", or "" without a workload.
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

// Whether a name that Party gave is a service's of the namespace.
bool IsPartyOf(std::string_view party, std::string_view ns);
// "NAMESPACE/NAME".
std::string WorkloadNameOf(const Workload& workload);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_NAMES_H_

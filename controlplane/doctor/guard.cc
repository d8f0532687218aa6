// SPDX-License-Identifier: Apache-2.0
#include "controlplane/doctor/guard.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace bulkhead::doctor {
namespace {

constexpr char kTable[] = "bulkhead";

// How many of the table's chains hang at a hook.
size_t HookedChains(const fast_path::Facts& facts, const std::string& family) {
  size_t count = 0;
  for (const fast_path::Chain& chain : facts.chains) count += chain.base && chain.family == family && chain.table == kTable ? 1 : 0;
  return count;
}

}  // namespace

void CheckGuard(const absl::StatusOr<fast_path::Facts>& facts, OnUnmanaged on_unmanaged, bool enforces, Findings* findings) {
  constexpr char kCheck[] = "guard";
  if (!facts.ok()) {
    findings->Warn(kCheck, absl::StrCat("nftables cannot be read: ", std::string(facts.status().message())), "run as root");
    return;
  }
  const size_t bridge = HookedChains(*facts, "bridge"), inet = HookedChains(*facts, "inet");
  const bool wanted = on_unmanaged == OnUnmanaged::kDrop || (on_unmanaged == OnUnmanaged::kByMode && enforces);
  if (bridge > 0 && inet > 0) {
    if (on_unmanaged == OnUnmanaged::kPass)
      findings->Warn(kCheck, "in place, though the configuration says on_unmanaged: pass", "start or restart bulkheadd: it takes it away");
    else
      findings->Ok(kCheck, "tables bridge bulkhead and inet bulkhead are in place");
  } else if (bridge + inet == 0 && !wanted) {
    findings->Ok(kCheck, on_unmanaged == OnUnmanaged::kPass ? "not in place: on_unmanaged: pass" : "not in place: no service is known to enforce");
  } else {
    findings->Fail(kCheck, absl::StrCat(bridge == 0 ? "table bridge bulkhead is missing" : "table inet bulkhead is missing",
                                        bridge + inet == 0 ? ", and so is inet bulkhead" : ""),
                   "restart bulkheadd: it puts them back; look for who flushes the ruleset");
  }
}

}  // namespace bulkhead::doctor

// SPDX-License-Identifier: Apache-2.0
// A CompiledPolicy as the tables of abi/policy.h. Pure functions; any thread.
#ifndef BULKHEAD_DATAPLANE_EBPF_TABLES_H_
#define BULKHEAD_DATAPLANE_EBPF_TABLES_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/abi/address.h"
#include "bulkhead/abi/policy.h"
#include "bulkhead/model/compiled_policy.h"
#include "dataplane/ebpf/interval_pool.h"

namespace bulkhead {

// Ruleset numbers of neighbouring cells, as the policy's own matrix has them.
struct CellRun {
  uint32_t first = 0;  // cell
  std::span<const uint32_t> rulesets;
};

// What is to be written to one policy slot: a whole policy, or what one has grown by. Must not outlive the policy.
struct PolicyTables {
  bh_policy policy{};
  uint32_t first_subject = 0, first_ruleset = 0, first_interval = 0;  // where these begin
  std::vector<bh_subject> subjects;
  std::vector<bh_ruleset> rulesets;
  std::vector<bh_interval> intervals;
  std::vector<CellRun> cells;
  std::vector<std::pair<Prefix, uint32_t>> prefixes[2];  // IPv4, IPv6 -> subject
};

// How a slot's tables are laid out, and how far they are filled.
struct PolicyLayout {
  uint32_t stride = 0;
  uint32_t subjects = 0, classes = 0, rows = 0, rulesets = 0;
  IntervalPool intervals;

  // The slot has all of the policy now.
  void Hold(const CompiledPolicy& policy);
};

// layout: becomes that of the policy.
// kResourceExhausted: what does not fit, with counts. kInvalidArgument: an index of the policy points nowhere.
absl::StatusOr<PolicyTables> EncodePolicy(const CompiledPolicy& policy, PolicyLayout& layout);

// What the policy has grown by beyond the layout. Only layout.intervals changes, and not on errors: those of EncodePolicy, and
// kFailedPrecondition when the growth does not begin where the layout ends.
absl::StatusOr<PolicyTables> EncodeGrowth(const CompiledPolicy& policy, const PolicyGrowth& growth, PolicyLayout& layout);

bh_address_key AddressKey(uint16_t zone, const IpAddress& address);
bh_prefix4_key Prefix4Key(const Prefix& prefix);
bh_prefix6_key Prefix6Key(const Prefix& prefix);
// The address of a key; the inverse of the above.
IpAddress AddressOf(const bh_address_key& key);
Prefix PrefixOf(const bh_prefix4_key& key);
Prefix PrefixOf(const bh_prefix6_key& key);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_TABLES_H_

// SPDX-License-Identifier: Apache-2.0
// A CompiledPolicy as the tables of abi/policy.h. Pure functions; any thread.
#ifndef BULKHEAD_DATAPLANE_EBPF_TABLES_H_
#define BULKHEAD_DATAPLANE_EBPF_TABLES_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/abi/address.h"
#include "bulkhead/abi/policy.h"
#include "bulkhead/model/compiled_policy.h"

namespace bulkhead {

// The content of one policy slot, each table from its first element.
struct PolicyTables {
  bh_policy policy{};
  std::vector<bh_subject> subjects;
  std::vector<bh_matrix_line> matrix;
  std::vector<bh_ruleset> rulesets;
  std::vector<bh_interval> intervals;
  std::vector<std::pair<Prefix, uint32_t>> prefixes[2];  // IPv4, IPv6 -> subject
};

// kResourceExhausted: what does not fit, with counts. kInvalidArgument: an index of the policy points nowhere.
absl::StatusOr<PolicyTables> EncodePolicy(const CompiledPolicy& policy);

bh_address_key AddressKey(uint16_t zone, const IpAddress& address);
bh_prefix4_key Prefix4Key(const Prefix& prefix);
bh_prefix6_key Prefix6Key(const Prefix& prefix);
// The address of a key; the inverse of the above.
IpAddress AddressOf(const bh_address_key& key);
Prefix PrefixOf(const bh_prefix4_key& key);
Prefix PrefixOf(const bh_prefix6_key& key);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_TABLES_H_

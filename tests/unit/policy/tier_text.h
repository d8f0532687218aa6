// SPDX-License-Identifier: Apache-2.0
// Text of policies of the tiers, and what the parser says of it.
#ifndef BULKHEAD_TESTS_UNIT_POLICY_TIER_TEXT_H_
#define BULKHEAD_TESTS_UNIT_POLICY_TIER_TEXT_H_

#include <string>
#include <vector>

#include "bulkhead/model/policy.h"

namespace bulkhead {

inline constexpr char kCnpHead[] =
    "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: guard}\n";
inline constexpr char kAnpHead[] =
    "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: guard}\n";
inline constexpr char kBanpHead[] =
    "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\nmetadata: {name: default}\n";

// A policy for every namespace. `rules` ("ingress: [...], egress: [...]") stand in line 4.
std::string Cnp(const std::string& rules);
std::string Anp(const std::string& rules);
std::string Banp(const std::string& rules);

std::string Repeat(int count, const std::string& item);  // "[item, item]"

std::vector<std::string> TierErrors(const std::string& text);
// The only error, without "f:LINE:COLUMN: "; all of them when there is another number of them.
std::string TierError(const std::string& text);

// The only policy of a text without errors; else a test failure.
Policy OneTier(const std::string& text);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_POLICY_TIER_TEXT_H_

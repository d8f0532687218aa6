// SPDX-License-Identifier: Apache-2.0
// Pass 2: every prefix that a rule mentions, and which of them hold an address.
#include <algorithm>
#include <set>

#include "controlplane/policy/passes.h"

namespace bulkhead::compile {

CidrIndex::CidrIndex(const std::vector<PlanPolicy>& policies) {
  std::set<Prefix> found;
  for (const PlanPolicy& policy : policies) {
    for (const PlanDirection& direction : policy.directions) {
      for (const PlanRule& rule : direction.rules) {
        for (const PolicyPeer& peer : rule.rule->peers) {
          if (!peer.ip_block) continue;
          found.insert(peer.ip_block->cidr);
          found.insert(peer.ip_block->except.begin(), peer.ip_block->except.end());
        }
      }
    }
  }
  prefixes_.assign(found.begin(), found.end());
  std::array<std::set<uint8_t>, 2> lengths;
  for (uint32_t i = 0; i < prefixes_.size(); ++i) {
    by_prefix_[prefixes_[i]] = i;
    lengths[prefixes_[i].address.IsV4() ? 0 : 1].insert(prefixes_[i].length);
  }
  for (int family = 0; family < 2; ++family) lengths_[family].assign(lengths[family].begin(), lengths[family].end());
}

std::vector<uint32_t> CidrIndex::Holding(const IpAddress& address) const {
  std::vector<uint32_t> out;
  for (const uint8_t length : lengths_[address.IsV4() ? 0 : 1]) {
    const auto found = by_prefix_.find(Prefix::Of(address, length));
    if (found != by_prefix_.end()) out.push_back(found->second);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace bulkhead::compile

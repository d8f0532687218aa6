// SPDX-License-Identifier: Apache-2.0
// Pass 2: every prefix by which a rule can tell addresses apart.
#include "controlplane/policy/passes.h"
#include "controlplane/policy/selectors.h"

namespace bulkhead::compile {

CidrTable CollectCidrs(const Plan& plan, const CompileInput& input) {
  std::vector<Prefix> found = input.more_cidrs;
  for (const std::vector<PlanRule>& rules : plan.rules) {
    for (const PlanRule& rule : rules) {
      for (const PolicyPeer& peer : rule.rule->peers) {
        found.insert(found.end(), peer.networks.begin(), peer.networks.end());
        if (peer.ip_block) {
          found.push_back(peer.ip_block->cidr);
          found.insert(found.end(), peer.ip_block->except.begin(), peer.ip_block->except.end());
        }
        if (!peer.node_selector) continue;
        for (const KnownNode& node : input.nodes) {
          if (!Matches(*peer.node_selector, node.labels)) continue;
          for (const IpAddress& address : node.addresses) found.push_back(Prefix::Host(address));
        }
      }
    }
  }
  return CidrTable(std::move(found));
}

}  // namespace bulkhead::compile

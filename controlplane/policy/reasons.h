// SPDX-License-Identifier: Apache-2.0
// Reasons: rules in words, and why one matches a connection or does not. For people. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_REASONS_H_
#define BULKHEAD_CONTROLPLANE_POLICY_REASONS_H_

#include <string>

#include "controlplane/policy/party.h"

namespace bulkhead {

// "from app=api", "to 198.18.0.0/16 except 198.18.9.0/24 or nodes zone=a", "from anybody".
std::string PeersText(const PolicyRule& rule, Direction direction);

// "5432/tcp", "1000-2000/udp", "http/tcp", "http" (any protocol), "all sctp".
std::string PortText(const PolicyPort& port);

// Why the rule matches: "peer has app=api; port is 5432/tcp". Why not: what fails, the peer before the port.
std::string WhyMatches(const PolicyRule& rule, const Policy& policy, const Party& peer, const Question& question);
std::string WhyNot(const PolicyRule& rule, const Policy& policy, const Party& peer, const Question& question);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_REASONS_H_

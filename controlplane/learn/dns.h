// SPDX-License-Identifier: Apache-2.0
// Dns: what a proposal permits on port 53 beyond what was seen. An engine's own resolver (Docker's 127.0.0.11) answers inside the
// container's namespace and asks on from there or from the host, so what crosses the container's interface is a part of it. Pure; any
// thread.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_DNS_H_
#define BULKHEAD_CONTROLPLANE_LEARN_DNS_H_

#include <set>
#include <string>
#include <vector>

#include "controlplane/api/view.h"
#include "controlplane/learn/sift.h"

namespace bulkhead::learn {

inline constexpr uint16_t kDnsPort = 53;

// Each resolver that a service was seen to use gets both protocols, since an answer that does not fit into a datagram is asked for
// again over TCP (RFC 7766); each of `services` gets the configured resolvers. What people or hygiene have set aside stays aside.
// `relations` stays sorted.
void AddResolvers(const View& view, const std::set<ServiceName>& services, std::vector<Relation>* relations);

// Sentences for the heading: what is known of names, and what is not.
std::vector<std::string> DnsText(const View& view);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_DNS_H_

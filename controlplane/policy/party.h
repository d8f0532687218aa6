// SPDX-License-Identifier: Apache-2.0
// Party: one side of a connection as documents judge it, with nothing compiled. Plain values.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_PARTY_H_
#define BULKHEAD_CONTROLPLANE_POLICY_PARTY_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bulkhead/model/policy.h"
#include "bulkhead/model/workload.h"
#include "controlplane/policy/compile.h"

namespace bulkhead {

struct Party {
  enum class Kind : uint8_t { kUnknown, kHost, kWorld, kWorkload };
  Kind kind = Kind::kWorld;
  std::string ns;                    // kWorkload
  Labels labels;                     // kWorkload
  std::optional<IpAddress> address;  // none: no CIDR matches it
  std::vector<NamedPort> named_ports;
  std::string id;  // the same on both sides, and not empty: a workload to itself
};

// One connection and what to judge it by.
struct Question {
  const PolicyDocuments* documents = nullptr;
  const std::map<std::string, Labels>* namespaces = nullptr;  // those declared
  const std::vector<KnownNode>* nodes = nullptr;              // null: none
  PolicyOptions options;
  Party source, destination;
  uint8_t protocol = kProtoTcp;
  uint16_t port = 0;  // 0 for protocols without ports
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_PARTY_H_

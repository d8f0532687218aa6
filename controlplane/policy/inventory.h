// SPDX-License-Identifier: Apache-2.0
// Inventory: who exists, from Kubernetes documents, for judging policy without a daemon (`policy test`). Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_INVENTORY_H_
#define BULKHEAD_CONTROLPLANE_POLICY_INVENTORY_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bulkhead/model/workload.h"
#include "controlplane/yaml/node.h"

namespace bulkhead {

struct InventoryWorkload {
  std::string ns;
  std::string name;   // replicas of a controller: NAME-0, NAME-1, ...
  std::string owner;  // the controller's name; a Pod document's own
  Labels labels;
  std::vector<IpAddress> addresses;  // may be empty
  std::vector<NamedPort> named_ports;
  bool host_network = false;  // then it is traffic of the node
  std::string node;           // may be empty
  SourcePos pos;
};

struct Inventory {
  std::map<std::string, Labels> namespaces;  // those declared
  std::vector<KnownNode> nodes;
  std::vector<InventoryWorkload> workloads;  // (ns, name) is unique
  std::vector<std::string> warnings;         // "file:line:column: ..."
};

// Larger than other files may be: 10,000 Pods as an API server prints them.
inline constexpr yaml::Limits kInventoryLimits{.bytes = 16 << 20, .nodes = 400'000, .depth = 64};
inline constexpr size_t kMaxInventoryWorkloads = 200'000;

// One inventory of all files, (name, text) each. Namespace, Node, Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, and lists of
// them; unknown kinds are warnings, unknown fields mean nothing. With any error the result must not be used.
Inventory ParseInventory(const std::vector<std::pair<std::string, std::string>>& files, std::vector<std::string>* errors);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_INVENTORY_H_

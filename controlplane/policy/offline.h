// SPDX-License-Identifier: Apache-2.0
// OfflineWorld: an inventory as the compiler and the evaluator want it, for whatever judges policy without a daemon (`policy test`,
// `explain`, `lint`, `diff`). Nodes are not special: there is no host, and a host-network workload is its node's address.
// Immutable; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_OFFLINE_H_
#define BULKHEAD_CONTROLPLANE_POLICY_OFFLINE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "controlplane/policy/compile.h"
#include "controlplane/policy/evaluate.h"
#include "controlplane/policy/inventory.h"

namespace bulkhead {

// One end of a connection: a workload, a node, or an address that is nobody's.
struct End {
  const InventoryWorkload* workload = nullptr;  // null: node traffic or the world
  IdentityId identity = kIdentityWorld;
  std::vector<IpAddress> addresses;

  // The first of that family.
  std::optional<IpAddress> Find(uint8_t family) const;
};

// Both ends and the addresses that the connection uses: the target's first whose family the source has. One end without any does
// not bind the other; without a common family neither has one.
struct Connection {
  End from, to;
  std::optional<IpAddress> source, destination;
  uint8_t protocol = kProtoTcp;
  uint16_t port = 0;  // 0: the protocol has none
};

class OfflineWorld {
 public:
  // The inventory must outlive it.
  explicit OfflineWorld(const Inventory& inventory);

  // Workloads of the same namespace, labels and named ports share an identity; every one enforces and is local.
  CompileInput Input(std::shared_ptr<const PolicyDocuments> documents, const PolicyOptions& options = {}) const;

  const Inventory& inventory() const { return inventory_; }
  const std::vector<KnownIdentity>& identities() const { return identities_; }
  // One for each workload of the inventory, in its order.
  const std::vector<End>& ends() const { return ends_; }

  // By "namespace/name" or address; an address that is a workload's is that workload. nullopt: no such workload.
  std::optional<End> Find(const std::string& text) const;
  // As Find; else, of the service "namespace/name", every workload: those of that controller, or with that bulkhead.dev/service.
  std::vector<End> FindAll(const std::string& text) const;
  // The name nearest to a misspelt one; empty: none is near.
  std::string Nearest(const std::string& text) const;

  static Connection Connect(const End& from, const End& to, uint8_t protocol, uint16_t port);
  // The documents must outlive the question, as this must.
  Question Ask(const PolicyDocuments& documents, const PolicyOptions& options, const Connection& connection) const;

 private:
  End AddWorkload(const InventoryWorkload& workload);
  End NodeOf(const InventoryWorkload& workload) const;

  const Inventory& inventory_;
  std::map<std::string, const KnownNode*> nodes_;
  std::map<std::tuple<std::string, Labels, std::vector<NamedPort>>, size_t> known_;  // index into identities_
  std::vector<KnownIdentity> identities_;
  std::vector<End> ends_;
  std::map<std::string, size_t> by_name_;  // index into ends_
  std::map<IpAddress, size_t> by_address_;
};

// What a policy compiled from OfflineWorld::Input says of the connection, in Evaluate's words.
Answer AskCompiled(const CompiledPolicy& policy, const Connection& connection);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_OFFLINE_H_

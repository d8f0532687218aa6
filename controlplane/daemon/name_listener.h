// SPDX-License-Identifier: Apache-2.0
// NameListener: the names that workloads were told for addresses, as far as who told them is believed: whoever sits in a workload
// may run a resolver of his own, and what it says would stand in everybody's evidence.
//
// A server is believed that the operator configured, that the host itself asks, or that workloads of two services have asked. A
// workload alone, whoever answers it, can neither make names nor push out those of others: each interface has a share of its own.
//
// Thread safety: one thread (the control thread).
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_NAME_LISTENER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_NAME_LISTENER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bulkhead/abi/dns.h"
#include "bulkhead/model/ip.h"
#include "controlplane/api/view.h"
#include "controlplane/inventory/inventory.h"
#include "controlplane/learn/learner.h"

namespace bulkhead {

class NameListener {
 public:
  static constexpr size_t kMostNames = 8192;             // between two calls of Take
  static constexpr size_t kMostNamesOfOne = 256;         // of one interface, within kShare
  static constexpr uint64_t kShare = 3'600'000'000'000;  // ns
  static constexpr size_t kMostServersOfOne = 16;        // that a service asks and that are believed for its sake
  static constexpr size_t kMostServices = 4096;          // whose servers are remembered

  // Servers that are believed whoever asks them.
  void Believe(const std::set<IpAddress>& servers) { believed_ = servers; }
  // state: who has which interface.
  void Hear(const bh_dns_answer& answer, const InventoryState& state);
  // Since the last call; each once.
  std::vector<SeenName> Take();

 private:
  using Name = std::pair<std::string, IpAddress>;
  struct Share {
    uint64_t since = 0;  // ns, of the answers' clock
    std::set<Name> names;
  };

  bool IsBelieved(const IpAddress& server, const ServiceName& asker);
  // Whether the interface may tell of it.
  bool Allot(uint32_t ifindex, uint64_t now, const Name& name);

  std::set<IpAddress> believed_;
  std::map<ServiceName, std::set<IpAddress>> asked_;
  std::map<uint32_t, Share> shares_;  // by interface
  std::set<Name> names_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_NAME_LISTENER_H_

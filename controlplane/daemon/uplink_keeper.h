// SPDX-License-Identifier: Apache-2.0
// UplinkKeeper: keeps the programs on the host's uplinks, as these come and go, by jobs on a worker; and tells the dataplane what it
// must know of the host for it: MAC addresses and local ports.
//
// Thread safety: one thread (the control thread); the jobs run on the worker and hand their results back through the loop.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_UPLINK_KEEPER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_UPLINK_KEEPER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/api/view.h"
#include "controlplane/daemon/uplink_choice.h"
#include "controlplane/inventory/inventory.h"
#include "dataplane/kernel/links.h"
#include "dataplane/uplinks.h"

namespace bulkhead {

// What the keeper asks of the host.
struct UplinkWorld {
  std::function<void(std::function<void()>)> run;   // does a job on the worker
  std::function<void(std::function<void()>)> back;  // does one on the control thread
  std::function<std::set<uint32_t>()> outward;      // interfaces that lead to the world
  std::function<std::pair<uint16_t, uint16_t>()> local_ports;
};

class UplinkKeeper {
 public:
  // names: as Config::uplinks. uplinks must outlive it.
  UplinkKeeper(Uplinks* uplinks, std::optional<std::vector<std::string>> names, UplinkWorld world);

  void OnLink(const Link& link) { facts_.links[link.ifindex] = link; }
  void OnLinkGone(uint32_t ifindex) { facts_.links.erase(ifindex); }
  void OnAllLinks(const std::vector<Link>& links);

  // That the configuration names it: no workload's then, though it may look like one.
  bool IsNamed(const std::string& name) const;

  // Attaches what is missing, and again, now and then, what should be there; takes off what is an uplink no more.
  void Sync(const InventoryState& inventory, uint64_t now);

  std::vector<UplinkView> View() const;
  std::vector<std::string> problems() const;

 private:
  struct Interface {
    bool busy = false;  // a job is under way
    std::optional<XdpMode> mode;
    std::string error;
    uint64_t next = 0;  // when to attach again
  };

  void Choose(const InventoryState& inventory, uint64_t now);
  void TellHost();
  void Attach(uint32_t ifindex, Interface* interface);
  void Detach(uint32_t ifindex, Interface* interface);

  Uplinks* const uplinks_;
  const UplinkWorld world_;
  UplinkFacts facts_;
  UplinkChoice choice_;
  std::map<uint32_t, Interface> interfaces_;
  std::set<MacAddress> macs_;
  std::optional<std::pair<uint16_t, uint16_t>> ports_;
  std::string host_problem_;
  uint64_t asked_ = 0;  // when the routes were asked
  bool asked_once_ = false;
  uint64_t now_ = 0;
};

// The interfaces that this host would send to the world through, by its routes to two addresses that are nobody's (RFC 5737, RFC
// 3849). Nothing is sent.
std::set<uint32_t> OutwardInterfaces(NetlinkSocket& socket);

// net.ipv4.ip_local_port_range of this namespace; all ports when it cannot be read.
std::pair<uint16_t, uint16_t> LocalPortRange();

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_UPLINK_KEEPER_H_

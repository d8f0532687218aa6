// SPDX-License-Identifier: Apache-2.0
// Short ways to write down facts for the inventory, and a kernel that answers its questions.
#ifndef BULKHEAD_TESTS_UNIT_INVENTORY_FACTS_BUILDER_H_
#define BULKHEAD_TESTS_UNIT_INVENTORY_FACTS_BUILDER_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/inventory/inventory.h"

namespace bulkhead {

inline MacAddress Mac(uint8_t last) { return {{2, 0, 0, 0, 0, last}}; }
inline IpAddress Ip(const std::string& text) { return *IpAddress::Parse(text); }
inline HostLink Bridge(uint32_t ifindex, const std::string& name) { return {ifindex, name, "bridge", 0, -1}; }
inline HostLink Veth(uint32_t ifindex, uint32_t master, int32_t nsid) {
  return {ifindex, "veth" + std::to_string(ifindex), "veth", master, nsid};
}

inline SourceEvent Event(SourceEvent::Kind kind, const std::string& source = "docker") {
  SourceEvent event;
  event.kind = kind;
  event.source = source;
  return event;
}
inline SourceEvent Upsert(const WorkloadReport& report, const std::string& source = "docker") {
  SourceEvent event = Event(SourceEvent::Kind::kUpsert, source);
  event.report = report;
  return event;
}
inline SourceEvent Gone(const std::string& id, const std::string& source = "docker") {
  SourceEvent event = Event(SourceEvent::Kind::kRemove, source);
  event.id = id;
  return event;
}

// A container on one bridge network.
inline WorkloadReport Container(const std::string& id, WorkloadPhase phase, int pid, const std::string& bridge, const MacAddress& mac,
                                const std::string& address) {
  WorkloadReport report;
  report.id = id;
  report.runtime = "docker";
  report.name = id;
  report.labels = {{"app", "web"}};
  report.image = "shop/web:1";
  report.phase = phase;
  report.pid = pid;
  report.networks = {{"net", bridge, mac, {Ip(address)}}};
  return report;
}

// The namespaces of a host, by pid or path, and the other ends of its veths.
struct FakeKernel {
  std::map<int, Resolution> by_pid;
  std::map<std::string, Resolution> by_path;
  std::map<uint32_t, MacAddress> peers;

  // Answers until nothing is asked any more. Returns how many questions there were.
  int Answer(Inventory* inventory, uint64_t now) {
    int asked = 0;
    for (int round = 0; round < 5; ++round) {
      inventory->Update(now);
      const std::vector<ResolveRequest> requests = inventory->TakeResolveRequests(now);
      const std::vector<PeerRequest> peers_asked = inventory->TakePeerRequests(now);
      if (requests.empty() && peers_asked.empty()) break;
      asked += static_cast<int>(requests.size() + peers_asked.size());
      for (const ResolveRequest& request : requests) inventory->OnResolved(request.key, request.token, Look(request), now);
      for (const PeerRequest& peer : peers_asked) {
        const auto at = peers.find(peer.ifindex);
        inventory->OnPeer(peer.ifindex, at == peers.end() ? std::nullopt : std::optional<MacAddress>(at->second));
      }
    }
    inventory->Update(now);
    return asked;
  }

  Resolution Look(const ResolveRequest& request) const {
    Resolution none;
    none.status = absl::NotFoundError("no such namespace");
    if (!request.netns_path.empty()) {
      const auto at = by_path.find(request.netns_path);
      return at == by_path.end() ? none : at->second;
    }
    const auto at = by_pid.find(request.pid);
    return at == by_pid.end() ? none : at->second;
  }
};

inline Resolution Found(int32_t nsid, std::vector<FoundInterface> interfaces) {
  Resolution out;
  out.nsid = nsid;
  out.interfaces = std::move(interfaces);
  return out;
}

inline InventoryOptions Sources(std::vector<std::string> sources, std::vector<EndpointState> adopted = {}) {
  InventoryOptions options;
  options.sources = std::move(sources);
  options.adopted = std::move(adopted);
  return options;
}

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_INVENTORY_FACTS_BUILDER_H_

// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/listener_scan.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

#include "dataplane/kernel/netns.h"
#include "dataplane/kernel/sockets.h"

namespace bulkhead {
namespace {

// The namespace behind the workload's process or path, if it is still the one that the inventory has seen.
absl::StatusOr<UniqueFd> OpenObserved(NetlinkSocket& host, const ObservedWorkload& workload) {
  const ResolveRequest& place = workload.place;
  absl::StatusOr<UniqueFd> netns = OpenNetns(place.netns_path.empty() ? NetnsPathOfPid(place.pid) : place.netns_path);
  if (!netns.ok()) return netns.status();
  const absl::StatusOr<std::optional<int32_t>> nsid = FindNsid(host, netns->get());
  if (!nsid.ok()) return nsid.status();
  if (workload.nsid < 0 || *nsid != workload.nsid) return absl::NotFoundError("it is another namespace by now");
  return netns;
}

absl::StatusOr<std::vector<Listener>> ReadEach(const std::vector<ObservedWorkload>& workloads) {
  absl::StatusOr<NetlinkSocket> host = NetlinkSocket::Open();
  if (!host.ok()) return host.status();
  std::vector<std::pair<UniqueFd, IdentityId>> places;
  for (const ObservedWorkload& workload : workloads) {
    absl::StatusOr<UniqueFd> netns = OpenObserved(*host, workload);
    if (netns.ok()) places.emplace_back(*std::move(netns), workload.identity);
  }
  std::vector<Listener> out;
  for (const auto& [netns, identity] : places) {
    if (setns(netns.get(), CLONE_NEWNET) != 0) return absl::ErrnoToStatus(errno, "entering a workload's network namespace");
    const absl::StatusOr<std::vector<ListeningPort>> ports = ReadListeningPorts();
    if (!ports.ok()) return ports.status();
    for (const ListeningPort& port : *ports) out.push_back({identity, port.protocol, port.port});
  }
  return out;
}

}  // namespace

void ListenerScan::Want(const std::set<IdentityId>& identities) { wanted_.insert(identities.begin(), identities.end()); }

std::vector<ObservedWorkload> ListenerScan::Choose(const std::map<std::string, ObservedWorkload>& observed, uint64_t now) {
  std::erase_if(looks_, [&](const auto& look) { return !observed.contains(look.first); });
  std::vector<std::pair<uint64_t, const ObservedWorkload*>> due;
  for (const auto& [key, workload] : observed) {
    Look& look = looks_[key];
    if (look.token != workload.place.token) look = {workload.place.token, now, 0, false};
    look.wanted |= wanted_.contains(workload.identity);
    if (look.wanted) look.due = std::min(look.due, now);
    if (look.due <= now) due.emplace_back(look.due, &workload);
  }
  wanted_.clear();
  std::sort(due.begin(), due.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  if (due.size() > kAtOnce) due.resize(kAtOnce);
  std::vector<ObservedWorkload> out;
  for (const auto& [since, workload] : due) {
    Look& look = looks_[workload->place.key];
    look.due = now + (++look.looks == 1 ? kSecondLook : kAgain);
    look.wanted = false;
    out.push_back(*workload);
  }
  return out;
}

absl::StatusOr<std::vector<Listener>> ReadListeners(const std::vector<ObservedWorkload>& workloads) {
  absl::StatusOr<std::vector<Listener>> out = std::vector<Listener>();
  if (workloads.empty()) return out;
  try {
    std::thread([&] { out = ReadEach(workloads); }).join();
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(error.what());
  }
  return out;
}

}  // namespace bulkhead

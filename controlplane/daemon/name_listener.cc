// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/name_listener.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "bulkhead/abi/address.h"
#include "controlplane/learn/dns_answer.h"

namespace bulkhead {
namespace {

// An address that says who is meant: a name for any other tells nothing about flows.
bool NamesSomebody(const IpAddress& address) {
  const uint8_t first = address.bytes[0];
  if (address.IsV4()) return first != 0 && first != 127 && first < 224;
  return !address.IsUnspecified() && first != 0xff && address != *IpAddress::Parse("::1");
}

IpAddress ServerOf(const bh_dns_answer& answer) {
  IpAddress out;
  out.family = answer.family == BH_V6 ? 6 : 4;
  std::copy(std::begin(answer.server), std::end(answer.server), out.bytes.begin());
  return out;
}

// Of nobody known: an empty name.
ServiceName ServiceAt(uint32_t ifindex, const InventoryState& state) {
  const auto endpoint = std::ranges::find_if(state.endpoints, [&](const auto& entry) { return entry.second.ifindex == ifindex; });
  if (endpoint == state.endpoints.end()) return {};
  const auto owner = state.owners.find(endpoint->first);
  if (owner == state.owners.end()) return {};
  const auto workload = state.workloads.find(owner->second);
  return workload == state.workloads.end() ? ServiceName{} : ServiceName{workload->second.ns, workload->second.service};
}

}  // namespace

bool NameListener::IsBelieved(const IpAddress& server, const ServiceName& asker) {
  if (believed_.contains(server)) return true;
  if (asker == ServiceName{}) return false;
  if (asked_.size() >= kMostServices && !asked_.contains(asker)) asked_.clear();
  if (std::set<IpAddress>& servers = asked_[asker]; servers.size() < kMostServersOfOne) servers.insert(server);
  return std::ranges::count_if(asked_, [&](const auto& entry) { return entry.second.contains(server); }) >= 2;
}

bool NameListener::Allot(uint32_t ifindex, uint64_t now, const Name& name) {
  Share& share = shares_[ifindex];
  if (now - share.since > kShare) share = {now, {}};
  if (share.names.size() >= kMostNamesOfOne) return share.names.contains(name);
  share.names.insert(name);
  return true;
}

void NameListener::Hear(const bh_dns_answer& answer, const InventoryState& state) {
  if (!IsBelieved(ServerOf(answer), ServiceAt(answer.ifindex, state))) return;
  const size_t held = std::min<size_t>(answer.length, BH_DNS_BYTES);
  for (SeenName& seen : learn::ParseDnsAnswer(std::span(answer.data, held), held < answer.length)) {
    Name name(std::move(seen.name), seen.address);
    if (names_.size() >= kMostNames || !NamesSomebody(name.second) || !Allot(answer.ifindex, answer.time, name)) continue;
    names_.insert(std::move(name));
  }
  // An interface is there no longer than its workload.
  if (shares_.size() > BH_MAX_ENDPOINTS) {
    std::erase_if(shares_, [&](const auto& share) { return answer.time - share.second.since > kShare; });
    if (shares_.size() > BH_MAX_ENDPOINTS) shares_.clear();
  }
}

std::vector<SeenName> NameListener::Take() {
  std::vector<SeenName> out;
  for (const auto& [name, address] : names_) out.push_back({name, address});
  names_.clear();
  return out;
}

}  // namespace bulkhead

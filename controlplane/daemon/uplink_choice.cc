// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/uplink_choice.h"

#include <linux/if_arp.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

constexpr int kMostLayers = 8;  // of interfaces upon interfaces; the kernel's own limit (MAX_NEST_DEV)

bool IsEthernet(const Link& link) { return link.type == ARPHRD_ETHER; }

bool HasPorts(const Link& link) { return link.kind == "bridge" || link.kind == "bond" || link.kind == "team"; }

// Frames of these come in through the interface below.
bool LiesOnAnother(const Link& link) { return link.kind == "vlan" || link.kind == "macvlan" || link.kind == "ipvlan"; }

void AddOutward(const UplinkFacts& facts, uint32_t ifindex, std::set<uint32_t>& out) {
  for (int layer = 0; layer < kMostLayers; ++layer) {
    const auto at = facts.links.find(ifindex);
    if (at == facts.links.end()) return;
    const Link& link = at->second;
    if (!LiesOnAnother(link)) {
      if (IsEthernet(link) && !HasPorts(link) && !facts.workloads.contains(ifindex)) out.insert(ifindex);
      return;
    }
    if (link.link_nsid) return;  // below it is another namespace's
    ifindex = link.link;
  }
}

void ChooseNamed(const UplinkFacts& facts, const std::string& name, UplinkChoice& out) {
  const auto at = std::find_if(facts.links.begin(), facts.links.end(), [&](const auto& each) { return each.second.name == name; });
  const auto problem = [&](const char* text) { out.problems.push_back(absl::StrCat("uplink ", name, ": ", text)); };
  if (at == facts.links.end()) return problem("there is no such interface");
  if (facts.workloads.contains(at->first)) return problem("it is a workload's interface");
  if (!IsEthernet(at->second)) return problem("it is no Ethernet interface");
  out.uplinks.insert(at->first);
}

}  // namespace

UplinkChoice ChooseUplinks(const UplinkFacts& facts) {
  UplinkChoice out;
  if (facts.names) {
    for (const std::string& name : *facts.names) ChooseNamed(facts, name, out);
    return out;
  }
  for (const auto& [ifindex, link] : facts.links) {
    if (IsEthernet(link) && !link.device.empty() && !facts.workloads.contains(ifindex)) out.uplinks.insert(ifindex);
  }
  for (const uint32_t ifindex : facts.outward) AddOutward(facts, ifindex, out.uplinks);
  return out;
}

}  // namespace bulkhead

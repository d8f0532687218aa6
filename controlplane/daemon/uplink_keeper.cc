// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/uplink_keeper.h"

#include <linux/if_arp.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

constexpr uint64_t kUplinkRetry = 2 * kSecond;
constexpr uint64_t kUplinkVerify = 30 * kSecond;
constexpr uint64_t kAskRoutes = 5 * kSecond;

}  // namespace

UplinkKeeper::UplinkKeeper(Uplinks* uplinks, std::optional<std::vector<std::string>> names, UplinkWorld world)
    : uplinks_(uplinks), world_(std::move(world)) {
  facts_.names = std::move(names);
  for (const uint32_t ifindex : uplinks_->Attached()) interfaces_[ifindex];
}

void UplinkKeeper::OnAllLinks(const std::vector<Link>& links) {
  facts_.links.clear();
  for (const Link& link : links) facts_.links[link.ifindex] = link;
}

bool UplinkKeeper::IsNamed(const std::string& name) const {
  return facts_.names && std::find(facts_.names->begin(), facts_.names->end(), name) != facts_.names->end();
}

void UplinkKeeper::Choose(const InventoryState& inventory, uint64_t now) {
  if (!asked_once_ || now >= asked_ + kAskRoutes) {
    facts_.outward = world_.outward();
    ports_.reset();
    asked_ = now;
    asked_once_ = true;
  }
  facts_.workloads.clear();
  for (const auto& [slot, endpoint] : inventory.endpoints) facts_.workloads.insert(endpoint.ifindex);
  choice_ = uplinks_->hook() == UplinkHook::kNone ? UplinkChoice() : ChooseUplinks(facts_);
}

// A workload's veth takes frames of its own; a veth that is an uplink takes the host's.
void UplinkKeeper::TellHost() {
  std::set<MacAddress> macs;
  for (const auto& [ifindex, link] : facts_.links) {
    const bool hosts = link.kind != "veth" || choice_.uplinks.contains(ifindex);
    if (link.type == ARPHRD_ETHER && hosts && !link.mac.IsZero()) macs.insert(link.mac);
  }
  absl::Status status;
  if (macs != macs_) {
    status = uplinks_->SetHostMacs(macs);
    if (status.ok()) macs_ = macs;
  }
  const std::pair<uint16_t, uint16_t> ports = ports_ ? *ports_ : world_.local_ports();
  if (ports_ != ports && status.ok()) {
    status = uplinks_->SetLocalPorts(ports.first, ports.second);
    if (status.ok()) ports_ = ports;
  }
  host_problem_ = status.ok() ? "" : absl::StrCat("uplinks: ", std::string(status.message()));
}

void UplinkKeeper::Sync(const InventoryState& inventory, uint64_t now) {
  now_ = now;
  Choose(inventory, now);
  // Before there is a program that needs it.
  if (!choice_.uplinks.empty()) TellHost();
  for (const uint32_t ifindex : choice_.uplinks) {
    Interface& interface = interfaces_[ifindex];
    if (!interface.busy && now >= interface.next) Attach(ifindex, &interface);
  }
  for (auto& [ifindex, interface] : interfaces_) {
    if (!interface.busy && !choice_.uplinks.contains(ifindex)) Detach(ifindex, &interface);
  }
}

void UplinkKeeper::Attach(uint32_t ifindex, Interface* interface) {
  interface->busy = true;
  world_.run([this, ifindex] {
    const absl::StatusOr<XdpMode> mode = uplinks_->Attach(ifindex);
    world_.back([this, ifindex, mode] {
      Interface& mine = interfaces_[ifindex];
      mine.busy = false;
      mine.mode = mode.ok() ? std::optional(*mode) : std::nullopt;
      mine.error = mode.ok() ? "" : std::string(mode.status().message());
      mine.next = now_ + (mode.ok() ? kUplinkVerify : kUplinkRetry);
    });
  });
}

void UplinkKeeper::Detach(uint32_t ifindex, Interface* interface) {
  interface->busy = true;
  interface->mode.reset();
  world_.run([this, ifindex] {
    const absl::Status status = uplinks_->Detach(ifindex);
    world_.back([this, ifindex, status] {
      if (status.ok()) {
        interfaces_.erase(ifindex);
        return;
      }
      interfaces_[ifindex].busy = false;
      interfaces_[ifindex].error = std::string(status.message());
    });
  });
}

std::vector<UplinkView> UplinkKeeper::View() const {
  std::vector<UplinkView> out;
  for (const uint32_t ifindex : choice_.uplinks) {
    const auto link = facts_.links.find(ifindex);
    const auto at = interfaces_.find(ifindex);
    if (link == facts_.links.end() || at == interfaces_.end()) continue;
    UplinkView view{ifindex, link->second.name, "attaching", at->second.error};
    if (at->second.mode) view.hook = *at->second.mode == XdpMode::kNative ? "native" : "generic";
    out.push_back(std::move(view));
  }
  return out;
}

std::vector<std::string> UplinkKeeper::problems() const {
  std::vector<std::string> out = choice_.problems;
  if (!host_problem_.empty()) out.push_back(host_problem_);
  for (const UplinkView& view : View()) {
    if (!view.error.empty()) out.push_back(absl::StrCat("uplink ", view.name, ": ", view.error));
  }
  return out;
}

std::set<uint32_t> OutwardInterfaces(NetlinkSocket& socket) {
  std::set<uint32_t> out;
  for (const char* nobody : {"192.0.2.1", "2001:db8::1"}) {
    const absl::StatusOr<uint32_t> ifindex = RouteTo(socket, *IpAddress::Parse(nobody));
    if (ifindex.ok() && *ifindex != 0) out.insert(*ifindex);
  }
  return out;
}

std::pair<uint16_t, uint16_t> LocalPortRange() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  uint32_t first = 0, last = 0;
  if (!(file >> first >> last) || first > last || last > 65535) return {0, 65535};
  return {static_cast<uint16_t>(first), static_cast<uint16_t>(last)};
}

}  // namespace bulkhead

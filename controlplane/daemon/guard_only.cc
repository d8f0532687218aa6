// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/guard_only.h"

#include <utility>

#include "controlplane/daemon/guard_keeper.h"
#include "controlplane/inventory/inventory.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

// Members whose interface is still there under its name: their programs are, too, or went with an interface of that number.
std::set<uint32_t> StillHeld(const nft::FoundGuard& found, const std::map<uint32_t, Link>& links) {
  std::set<uint32_t> held;
  for (const auto& table : {found.bridge, found.routed}) {
    if (!table) continue;
    for (const nft::Port& port : table->managed) {
      const auto at = links.find(port.ifindex);
      if (at != links.end() && at->second.name == port.name) held.insert(port.ifindex);
    }
  }
  return held;
}

bool IsWanted(const Config& config, const absl::StatusOr<KeptGuard>& kept) {
  if (config.on_unmanaged != OnUnmanaged::kByMode) return config.on_unmanaged == OnUnmanaged::kDrop;
  return kept.ok() ? kept->on : !absl::IsNotFound(kept.status());
}

// Bridges that are there before the engines are and that none of them makes are none of theirs.
void AddLinks(const std::vector<Link>& links, GuardFacts& facts) {
  for (const Link& link : links) {
    facts.links[link.ifindex] = link;
    if (link.kind == "bridge" && IsEngineBridgeName(link.name)) facts.container_bridges.insert(link.name);
  }
}

absl::StatusOr<GuardFacts> FindFacts(const Config& config, const absl::StatusOr<KeptGuard>& kept, nft::Guard& guard) {
  GuardFacts facts;
  auto socket = NetlinkSocket::Open();
  if (!socket.ok()) return socket.status();
  const auto links = DumpLinks(*socket);
  if (!links.ok()) return links.status();
  auto found = guard.Read();
  if (!found.ok()) return found.status();
  facts.found = *std::move(found);
  if (kept.ok()) facts.kept = *kept;
  facts.container_bridges = facts.kept.container_bridges;
  AddLinks(*links, facts);
  facts.held = facts.workloads = StillHeld(facts.found, facts.links);
  facts.exempt = GuardSettingsOf(config).exempt;
  facts.routed = facts.kept.routed || facts.found.routed.has_value();
  facts.settled = [](uint32_t) { return true; };
  // With a guard that is up already, engines may be, too: nothing is exempt then that was not.
  facts.can_tell = !facts.found.bridge.has_value();
  return facts;
}

// Of those that are not there yet.
void AddKept(const KeptGuard& kept, nft::TableRules& table) {
  table.exempt_names.insert(kept.exempt_names.begin(), kept.exempt_names.end());
  table.bridges.insert(kept.exempt_bridges.begin(), kept.exempt_bridges.end());
}

}  // namespace

absl::Status RunGuardOnly(const Config& config, KernelWriter& writer) {
  const absl::StatusOr<KeptGuard> kept = LoadGuard(config.state_dir);
  if (!IsWanted(config, kept)) {
    spdlog::info("guard: none was up, and none is asked for");
    return absl::OkStatus();
  }
  if (!kept.ok()) spdlog::warn("guard: {}; as if there had been one", std::string(kept.status().message()));
  absl::StatusOr<std::unique_ptr<nft::Guard>> guard = nft::Guard::Open(writer);
  if (!guard.ok()) return guard.status();
  absl::StatusOr<GuardFacts> facts = FindFacts(config, kept, **guard);
  if (!facts.ok()) return facts.status();
  nft::GuardRules rules = PlanGuard(*facts);
  AddKept(facts->kept, *rules.bridge);
  if (absl::Status status = (*guard)->Bring(rules); !status.ok()) return status;
  spdlog::info("guard: up; {} managed, {} exempt", rules.bridge->managed.size(), CountExempt(rules));
  return absl::OkStatus();
}

}  // namespace bulkhead

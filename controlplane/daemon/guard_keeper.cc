// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/guard_keeper.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

// How long a start waits for programs to be found on interfaces before a guard that is missing is put up: running workloads are not
// to be cut off by it.
constexpr uint64_t kBeginWithin = 2 * kSecond;
// How long what was inherited is believed without having been seen again, and sources are waited for.
constexpr uint64_t kInheritFor = 10 * kSecond;
// A new interface that no engine has claimed for so long is none of theirs.
constexpr uint64_t kClaimWithin = 3 * kSecond;
constexpr uint64_t kRetryAfter = kSecond;
// Between two times that the tables are put back: at once after a while of peace, then less and less often, down to ten a second.
constexpr uint64_t kFirstGap = kSecond / 200, kLastGap = kSecond / 10, kPeace = 10 * kSecond;
constexpr uint64_t kFight = 5;         // so many within that time are one
constexpr size_t kMostBridges = 4096;  // remembered

}  // namespace

GuardSettings GuardSettingsOf(const Config& config) {
  GuardSettings settings{config.on_unmanaged, config.guard_exempt};
  if (config.uplinks) settings.exempt.insert(settings.exempt.end(), config.uplinks->begin(), config.uplinks->end());
  return settings;
}

GuardKeeper::GuardKeeper(GuardSettings settings, nft::GuardTables* tables, Outlet outlet)
    : settings_(std::move(settings)), tables_(tables), outlet_(std::move(outlet)) {
  facts_.exempt = settings_.exempt;
  facts_.settled = [this](uint32_t ifindex) {
    const auto at = seen_.find(ifindex);
    return at != seen_.end() && (at->second == 0 || now_ >= at->second + kClaimWithin);
  };
}

void GuardKeeper::Begin(const absl::StatusOr<nft::FoundGuard>& found, const absl::StatusOr<KeptGuard>& kept, uint64_t now) {
  began_ = now_ = now;
  status_ = found.status();
  if (found.ok()) facts_.found = *found;
  if (kept.ok()) {
    facts_.kept = *kept;
    saved_ = *kept;
    facts_.container_bridges = kept->container_bridges;
    facts_.routed = kept->routed;
  } else if (!absl::IsNotFound(kept.status())) {
    kept_status_ = kept.status();
  }
  on_ = begun_ = facts_.found.bridge.has_value();
  facts_.routed |= facts_.found.routed.has_value();
  for (const auto& table : {facts_.found.bridge, facts_.found.routed}) {
    if (!table) continue;
    inherited_.insert(table->managed.begin(), table->managed.end());
    dropped_.from += table->dropped.from;
    dropped_.to += table->dropped.to;
  }
}

void GuardKeeper::OnLink(const Link& link, uint64_t now) {
  facts_.links[link.ifindex] = link;
  seen_.emplace(link.ifindex, now);
  stale_ = true;
}

void GuardKeeper::OnLinkGone(uint32_t ifindex) {
  const auto at = facts_.links.find(ifindex);
  if (at == facts_.links.end()) return;
  if (at->second.kind == "bridge") facts_.container_bridges.erase(at->second.name);
  facts_.links.erase(at);
  seen_.erase(ifindex);
  stale_ = true;
}

void GuardKeeper::OnAllLinks(const std::vector<Link>& links, uint64_t now) {
  const bool first = seen_.empty();
  std::set<uint32_t> there;
  for (const Link& link : links) there.insert(link.ifindex);
  std::vector<uint32_t> gone;
  for (const auto& [ifindex, link] : facts_.links) {
    if (!there.contains(ifindex)) gone.push_back(ifindex);
  }
  for (const uint32_t ifindex : gone) OnLinkGone(ifindex);
  for (const Link& link : links) OnLink(link, first ? 0 : now);
}

bool GuardKeeper::IsWanted(const World& world) {
  switch (settings_.on_unmanaged) {
    case OnUnmanaged::kDrop:
      reason_ = "on_unmanaged: drop";
      return true;
    case OnUnmanaged::kPass:
      reason_ = "on_unmanaged: pass";
      return false;
    case OnUnmanaged::kByMode:
      break;
  }
  if (!world.modes_known) {
    reason_ = "as it was: the modes are not known";
    return on_;
  }
  reason_ = world.enforces ? "a service enforces" : "no service enforces";
  return world.enforces;
}

void GuardKeeper::FindWorkloads(const InventoryState& inventory) {
  for (const auto& [slot, endpoint] : inventory.endpoints) {
    facts_.workloads.insert(endpoint.ifindex);
    const auto link = facts_.links.find(endpoint.ifindex);
    if (link != facts_.links.end() && link->second.master == 0 && nft::IsPair(link->second.kind) &&
        inventory.owners.contains(slot)) {
      facts_.routed = true;
    }
  }
  for (const uint32_t ifindex : inventory.bridges) {
    const auto link = facts_.links.find(ifindex);
    if (link != facts_.links.end() && facts_.container_bridges.size() < kMostBridges)
      facts_.container_bridges.insert(link->second.name);
  }
}

void GuardKeeper::FindHeld(const World& world, uint64_t now) {
  for (const auto& [slot, endpoint] : world.inventory->endpoints) {
    const uint32_t ifindex = endpoint.ifindex;
    const auto link = facts_.links.find(ifindex);
    if (link == facts_.links.end()) continue;
    const bool inherited =
        now < began_ + kInheritFor && !world.failing(ifindex) && inherited_.contains({ifindex, link->second.name});
    if (world.attached(ifindex) || inherited) facts_.held.insert(ifindex);
  }
}

bool GuardKeeper::MayBegin(const World& world, uint64_t now) const {
  if (begun_ || now >= began_ + kBeginWithin) return true;
  // Before the sources have told, it would know nobody, and drop what everybody sends.
  return world.sources_settled && std::all_of(world.inventory->endpoints.begin(), world.inventory->endpoints.end(), [&](const auto& entry) {
    return world.attached(entry.second.ifindex) || world.failing(entry.second.ifindex);
  });
}

void GuardKeeper::Plan(const World& world, uint64_t now) {
  const auto parts = [this] { return std::tuple(facts_.container_bridges.size(), facts_.routed, facts_.can_tell); };
  const auto before = parts();
  const std::set<uint32_t> workloads = std::exchange(facts_.workloads, {}), held = std::exchange(facts_.held, {});
  FindWorkloads(*world.inventory);
  FindHeld(world, now);
  facts_.can_tell = world.sources_settled || now >= began_ + kInheritFor;
  if (before == parts() && workloads == facts_.workloads && held == facts_.held && !stale_ && now < plan_next_) return;
  stale_ = false;
  plan_next_ = now + kSecond;
  plan_ = std::make_shared<const nft::GuardRules>(PlanGuard(facts_));
}

void GuardKeeper::Sync(const World& world, uint64_t now) {
  now_ = now;
  if (tables_ == nullptr) return;
  Plan(world, now);
  on_ = IsWanted(world);
  Keep();
  if (!on_) {
    Tell(std::make_shared<const nft::GuardRules>(), now);
  } else if (MayBegin(world, now)) {
    begun_ = true;
    Tell(plan_, now);
  }
}

void GuardKeeper::Tell(const Rules& rules, uint64_t now) {
  if (wanted_ == nullptr || (wanted_ != rules && *wanted_ != *rules)) wanted_ = rules;
  Tend(now);
}

void GuardKeeper::Tend(uint64_t now) {
  now_ = now;
  if (wanted_ == nullptr || busy_ > 0 || now < retry_) return;
  if (disturbed_ && now >= put_back_next_) {
    disturbed_ = false;
    const bool peace = now >= put_back_next_ + kPeace;
    fights_ = peace ? 1 : fights_ + 1;
    put_back_gap_ = peace ? kFirstGap : std::min(kLastGap, 2 * put_back_gap_);
    put_back_next_ = now + put_back_gap_;
    Post(wanted_, true);
  } else if (told_ != wanted_ && (told_ == nullptr || *told_ != *wanted_)) {
    Post(wanted_, false);
  }
}

void GuardKeeper::OnDisturbed(uint64_t now) {
  disturbed_ = true;
  Tend(now);
}

void GuardKeeper::Forget(uint32_t ifindex) {
  if (wanted_ == nullptr) return;
  nft::GuardRules rules = *wanted_;
  size_t gone = 0;
  for (std::optional<nft::TableRules>* table : {&rules.bridge, &rules.routed}) {
    if (*table) gone += std::erase_if((*table)->managed, [&](const nft::Port& port) { return port.ifindex == ifindex; });
  }
  if (gone == 0) return;
  wanted_ = std::make_shared<const nft::GuardRules>(std::move(rules));
  Post(wanted_, false);
}

void GuardKeeper::Post(Rules rules, bool put_back) {
  ++busy_;
  outlet_.run([this, rules = std::move(rules), put_back] {
    const absl::Status status = put_back ? tables_->PutBack(*rules) : tables_->Bring(*rules);
    outlet_.back([this, rules, put_back, status] { OnTold(rules, put_back, status); });
  });
}

void GuardKeeper::OnTold(const Rules& rules, bool put_back, const absl::Status& status) {
  --busy_;
  status_ = status;
  told_ = status.ok() ? rules : nullptr;
  if (!status.ok()) {
    retry_ = now_ + kRetryAfter;
    disturbed_ |= put_back;
  } else if (put_back && rules->bridge) {
    ++restored_;
  }
  Tend(now_);
}

void GuardKeeper::Poll(uint64_t now) {
  Tend(now);
  if (tables_ == nullptr || reading_ || told_ == nullptr || !told_->bridge) return;
  reading_ = true;
  outlet_.run([this] {
    const absl::StatusOr<nft::Dropped> dropped = tables_->ReadDropped();
    outlet_.back([this, dropped] {
      reading_ = false;
      if (dropped.ok()) {
        dropped_ = *dropped;
      } else if (absl::IsNotFound(dropped.status())) {
        OnDisturbed(now_);
      }
    });
  });
}

void GuardKeeper::Keep() {
  KeptGuard guard;
  guard.on = on_;
  guard.routed = facts_.routed;
  guard.container_bridges = facts_.container_bridges;
  guard.exempt_bridges = plan_->bridge->bridges;
  guard.exempt_names = plan_->bridge->exempt_names;
  if (saving_ || guard == saved_ || now_ < save_next_) return;
  saving_ = true;
  outlet_.write([this, guard] {
    const absl::Status status = outlet_.save(guard);
    outlet_.back([this, guard, status] {
      saving_ = false;
      kept_status_ = status;
      if (status.ok()) saved_ = guard;
      save_next_ = status.ok() ? 0 : now_ + kRetryAfter;
    });
  });
}

GuardView GuardKeeper::View() const {
  GuardView view;
  view.reason = reason_;
  if (tables_ == nullptr) {
    view.state = "none";
    view.reason = "this kernel has no nftables";
    return view;
  }
  const bool up = told_ != nullptr && told_->bridge.has_value();
  view.state = up ? "on" : on_ ? (status_.ok() ? "starting" : "failed") : "off";
  if (up) {
    view.managed = told_->bridge->managed.size();
    view.exempt = CountExempt(*told_);
  }
  view.dropped_from = dropped_.from;
  view.dropped_to = dropped_.to;
  view.restored = restored_;
  return view;
}

std::vector<std::string> GuardKeeper::problems() const {
  std::vector<std::string> out;
  constexpr char kMeans[] =
      "a workload that starts while bulkheadd does not run, or before its programs are attached, is not cut off";
  if (tables_ == nullptr && settings_.on_unmanaged != OnUnmanaged::kPass) {
    out.push_back(absl::StrCat("guard: this kernel has no nftables: ", kMeans));
  } else if (on_ && absl::IsUnimplemented(status_)) {
    out.push_back(
        absl::StrCat("guard: this kernel cannot (CONFIG_NF_TABLES_BRIDGE): ", std::string(status_.message()), "; ", kMeans));
  } else if (on_ && !status_.ok()) {
    out.push_back(absl::StrCat("guard: ", std::string(status_.message()), "; ", kMeans));
  }
  if (!kept_status_.ok()) {
    out.push_back(absl::StrCat("guard: what it is put up from at boot: ", std::string(kept_status_.message())));
  }
  if (fights_ >= kFight && now_ < put_back_next_ + kPeace) {
    out.push_back(absl::StrCat("guard: something changes or removes its tables again and again (put back ", restored_, " times)"));
  }
  return out;
}

}  // namespace bulkhead

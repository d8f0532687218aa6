// SPDX-License-Identifier: Apache-2.0
// GuardKeeper: keeps the guard's tables in step with the interfaces of the host, and puts them back when somebody changes or
// flushes them. An interface is a member only while its programs are on it: it is entered after they were read back, and taken out
// before they go. The tables stay when the daemon ends; the next one takes over those members whose programs are still there.
//
// Thread safety: one thread (the control thread); the jobs run on workers and hand their results back through the loop.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_GUARD_KEEPER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_GUARD_KEEPER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/api/view.h"
#include "controlplane/config/config.h"
#include "controlplane/daemon/guard_file.h"
#include "controlplane/daemon/guard_plan.h"
#include "controlplane/inventory/inventory.h"
#include "dataplane/kernel/links.h"
#include "dataplane/nft/guard.h"

namespace bulkhead {

struct GuardSettings {
  OnUnmanaged on_unmanaged = OnUnmanaged::kByMode;
  std::vector<std::string> exempt;  // names of interfaces; a trailing '*' stands for anything
};

// What the configuration says of the guard; uplinks that it names are exempt, too.
GuardSettings GuardSettingsOf(const Config& config);

class GuardKeeper {
 public:
  using Job = std::function<void()>;
  struct Outlet {
    std::function<void(Job)> run;    // does a job on the worker that attaches programs: one after the other
    std::function<void(Job)> write;  // does one that may wait for the disk
    std::function<void(Job)> back;   // does one on the control thread
    std::function<absl::Status(const KeptGuard&)> save;
  };
  // What the round knows.
  struct World {
    const InventoryState* inventory = nullptr;
    std::function<bool(uint32_t ifindex)> attached;  // and read back
    std::function<bool(uint32_t ifindex)> failing;   // attaching was tried, in vain
    bool enforces = false;                           // some service does
    bool modes_known = false;
    bool sources_settled = false;  // each has listed its workloads
  };

  // tables: null where there can be none; must outlive it, and is used by jobs from then on.
  GuardKeeper(GuardSettings settings, nft::GuardTables* tables, Outlet outlet);

  // What was left by the daemon before. First.
  void Begin(const absl::StatusOr<nft::FoundGuard>& found, const absl::StatusOr<KeptGuard>& kept, uint64_t now);
  void OnLink(const Link& link, uint64_t now);
  void OnLinkGone(uint32_t ifindex);
  void OnAllLinks(const std::vector<Link>& links, uint64_t now);

  // Takes an interface out at once, by a job ahead of any that is posted after this call.
  void Forget(uint32_t ifindex);
  void Sync(const World& world, uint64_t now);

  // Somebody else changed the tables: puts them back at once; within a fight, by a later call of Tend.
  void OnDisturbed(uint64_t now);
  // Does what is due. Call often.
  void Tend(uint64_t now);
  // Reads the counters. About once a second.
  void Poll(uint64_t now);

  GuardView View() const;
  // Sentences; empty: nothing is wrong.
  std::vector<std::string> problems() const;

 private:
  using Rules = std::shared_ptr<const nft::GuardRules>;
  bool IsWanted(const World& world);
  bool MayBegin(const World& world, uint64_t now) const;
  void FindHeld(const World& world, uint64_t now);
  void FindWorkloads(const InventoryState& inventory);
  // Of thousands of interfaces, hence only when something of it may have changed.
  void Plan(const World& world, uint64_t now);
  void Tell(const Rules& rules, uint64_t now);
  void Post(Rules rules, bool put_back);
  void OnTold(const Rules& rules, bool put_back, const absl::Status& status);
  void Keep();

  const GuardSettings settings_;
  nft::GuardTables* const tables_;
  const Outlet outlet_;

  GuardFacts facts_;
  std::map<uint32_t, uint64_t> seen_;  // since when an interface is there; 0: from before our time
  std::set<nft::Port> inherited_;      // members that the daemon before entered
  uint64_t began_ = 0, now_ = 0;
  bool on_ = false;
  bool begun_ = false;  // the tables were brought somewhere once
  std::string reason_;

  Rules plan_;              // were it on
  bool stale_ = true;       // interfaces have come, changed or gone since
  uint64_t plan_next_ = 0;  // time alone changes it, too
  Rules wanted_, told_;     // told_: null: not known
  unsigned busy_ = 0;       // jobs under way
  bool disturbed_ = false;
  uint64_t put_back_next_ = 0, put_back_gap_ = 0, retry_ = 0;
  uint64_t restored_ = 0, fights_ = 0;
  bool reading_ = false;
  nft::Dropped dropped_;
  absl::Status status_, kept_status_;
  std::optional<KeptGuard> saved_;
  bool saving_ = false;
  uint64_t save_next_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_GUARD_KEEPER_H_

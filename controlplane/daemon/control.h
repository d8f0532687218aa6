// SPDX-License-Identifier: Apache-2.0
// Control: the control thread's state and its round: take facts, work out what follows, bring the dataplane there, show it.
//
// Thread safety: Start, Stop and everything private by the control thread; GetView, loop() and the parts that say so from any thread.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_CONTROL_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_CONTROL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/api/view.h"
#include "controlplane/config/config.h"
#include "controlplane/daemon/attach_keeper.h"
#include "controlplane/daemon/block_list.h"
#include "controlplane/daemon/changer.h"
#include "controlplane/daemon/clock_watch.h"
#include "controlplane/daemon/event_loop.h"
#include "controlplane/daemon/event_ring.h"
#include "controlplane/daemon/fast_path_keeper.h"
#include "controlplane/daemon/folder_watch.h"
#include "controlplane/daemon/guard_keeper.h"
#include "controlplane/daemon/handover.h"
#include "controlplane/daemon/host_addresses.h"
#include "controlplane/daemon/new_images.h"
#include "controlplane/daemon/observer.h"
#include "controlplane/daemon/policy_folder.h"
#include "controlplane/daemon/reconciler.h"
#include "controlplane/daemon/rule_book.h"
#include "controlplane/daemon/self_check.h"
#include "controlplane/daemon/stager.h"
#include "controlplane/daemon/uplink_keeper.h"
#include "controlplane/daemon/worker.h"
#include "controlplane/identity/interner.h"
#include "controlplane/inventory/inventory.h"
#include "controlplane/inventory/resolver.h"
#include "controlplane/learn/learner.h"
#include "controlplane/runtime/source.h"
#include "controlplane/store/store.h"
#include "dataplane/backend.h"
#include "dataplane/fast_path/read.h"
#include "dataplane/kernel/clock.h"
#include "dataplane/kernel/kernel_writer.h"
#include "dataplane/kernel/links.h"
#include "dataplane/nft/guard.h"

namespace bulkhead {

// What the control thread works with; all outlives Control.
struct ControlParts {
  Config config;
  EventLoop* loop = nullptr;
  Backend* backend = nullptr;
  Uplinks* uplinks = nullptr;
  nft::GuardTables* guard = nullptr;  // null: there can be none
  uint32_t guard_port = 0;            // of its changes; see GuardMonitor
  KernelWriter* writer = nullptr;
  const Clock* clock = nullptr;
  Store* store = nullptr;
  Observer* observer = nullptr;
  std::vector<EndpointState> adopted;
  std::vector<PublishedTarget> published;  // adopted, too
  std::set<uint32_t> attached;             // interfaces that have our programs
  // Interfaces where an older layout's programs judge. With `fresh`, adopted endpoints are known but not yet in the backend.
  std::set<uint32_t> older;
  bool fresh = false;
  Handover::Outlet handover;
  bool policy_in_force = false;                               // the dataplane holds a policy that knows them
  std::vector<std::string> lasting_problems;                 // sentences, for `status`: they hold until the daemon ends
  std::function<std::vector<std::string>()> attach_problems;  // sentences, for `status`; may be empty
  // For the self-check; empty: there is none. sample_flows: on a thread of its own; stamp: of what is in force, on the control thread.
  std::function<std::vector<FlowRecord>(size_t most)> sample_flows;
  std::function<uint32_t()> stamp;
  // Sources that were not given before, not started; asked now and then.
  std::function<std::vector<std::unique_ptr<Source>>()> find_sources;
};

class Control : public PolicyHost {
 public:
  // kInternal, kPermissionDenied: the kernel or the store does not let us.
  static absl::StatusOr<std::unique_ptr<Control>> Create(ControlParts parts);
  ~Control() override;

  // Reads the folder and the host's interfaces, starts the sources, and sets up the loop. The caller then runs the loop.
  absl::Status Start();

  Changer& changer() { return *changer_; }
  Stager& stager() { return *stager_; }
  BlockList& blocks() { return *blocks_; }
  // Takes up what can be taken up at once (config_change.h); the rest is a problem until the next start.
  void TakeConfig(const absl::StatusOr<Config>& config);
  // Any thread.
  std::shared_ptr<const View> GetView() const;
  const EventRing& events() const { return events_; }
  const Config& config() const { return parts_.config; }
  // Brings the dataplane up to date if anything changed; ShowNow the view as well.
  void Round();
  void ShowNow();
  // What the observer has not written yet. When the loop has ended.
  Observer::Batch LastObserved() { return parts_.observer->Take(inventory_->state(), Now()); }

  // PolicyHost.
  const LoadedPolicies& policies() const override { return policies_; }
  const std::map<std::string, Workload>& workloads() const override { return inventory_->state().workloads; }
  uint64_t generation() const override { return reconciler_->generation(); }
  absl::Status Check(const LoadedPolicies& policies) const override;
  absl::Status Reload() override;

 private:
  explicit Control(ControlParts parts);
  absl::Status Load();
  absl::StatusOr<uint64_t> LoadRemembered();  // the generation
  void ReserveNumbers();
  void CheckStateFile();
  bool WaitsForSources();
  void Publish(const InventoryState& state);
  void TakeFolder(FolderText text);
  absl::Status RecallPolicies();
  void SavePolicies();
  absl::Status CheckFolder(const FolderText& text) const;
  std::string GoodKey() const;
  // What is wrong with one part of the daemon, until it is right again.
  void Note(const std::string& what, const absl::Status& status);
  void BelieveResolvers();
  void MakeUplinks();
  void MakeAttacher();
  absl::Status SetOptions();
  void MakeGuard();
  absl::Status StartGuard();
  void SyncGuard();
  void MakeSelfCheck();
  std::optional<InForce> WhatIsInForce() const;
  HostLink HostLinkOf(const Link& link) const;
  absl::Status ReadHost();
  void TakeHostAddresses();
  absl::Status StartTimers();
  void CatchUp();
  absl::Status WatchFastPath();
  void StartSources(size_t from);
  void FindSources();
  void OnKernel();
  void OnSource(const SourceEvent& event, uint64_t came);
  void MeterSource();
  void AskKernel();
  void DrainEvents();
  void EverySecond();
  void TendTables();
  void ReadFolderIfSettled();
  void LogNew(const std::vector<std::string>& problems);
  void PublishView();
  void SaveIdentities();
  uint64_t Now() const { return parts_.clock->MonotonicNs(); }
  PolicyInput InputOf(const LoadedPolicies& policies) const;
  void FindNewImages();
  // Brings what is staged up with what is in force.
  absl::Status SyncStaged();

  ControlParts parts_;
  std::vector<std::unique_ptr<Source>> sources_;
  IdentityInterner interner_;
  RuleBook rules_;
  std::unique_ptr<Inventory> inventory_;
  std::unique_ptr<Reconciler> reconciler_;
  std::unique_ptr<AttachKeeper> attacher_;
  std::unique_ptr<Handover> handover_;
  std::unique_ptr<UplinkKeeper> uplinks_;
  std::unique_ptr<BlockList> blocks_;
  std::unique_ptr<FastPathKeeper> fast_path_;
  std::unique_ptr<GuardKeeper> guard_;
  std::unique_ptr<Changer> changer_;
  std::unique_ptr<Stager> stager_;
  std::unique_ptr<NewImages> new_images_;
  std::unique_ptr<SelfCheck> self_check_;
  std::unique_ptr<Resolver> resolver_;  // the worker's
  std::optional<LinkMonitor> monitor_;
  std::optional<NetlinkSocket> dumps_;
  std::optional<fast_path::Monitor> fast_path_monitor_;
  std::optional<nft::GuardMonitor> guard_monitor_;
  std::optional<FolderWatch> watch_;
  HostAddresses host_addresses_;
  std::vector<std::string> resolver_hints_;
  FolderText text_;
  LoadedPolicies policies_;
  PolicyInput input_;
  bool folder_read_ = false;
  std::string folder_id_;         // of the folder that policies_ was read from; empty: not known
  bool policies_unsaved_ = false;
  bool wait_for_sources_ = false;
  ClockWatch clock_watch_;
  bool links_read_ = false;
  std::map<std::string, std::string> problems_;  // of the daemon itself, by what they are about
  EventRing events_;
  uint64_t started_at_ = 0;
  bool dirty_ = true;
  std::vector<uint64_t> source_came_;  // when the events came that this round is about, ns
  Durations source_event_;
  bool tending_ = false;
  bool checking_state_file_ = false;
  std::vector<Identity> unsaved_;
  std::set<std::string> logged_;
  uint64_t view_made_ = 0;  // ns
  bool view_late_ = false;  // something changed since

  mutable std::mutex view_mutex_;
  std::shared_ptr<const View> view_;  // guarded by view_mutex_

  // Last, so that they end first: their threads use the rest.
  std::unique_ptr<Worker> kernel_worker_;
  std::unique_ptr<Worker> slow_worker_;
  std::unique_ptr<Worker> check_worker_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_CONTROL_H_

// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/control.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/config.h"
#include "controlplane/daemon/resolv_conf.h"
#include "controlplane/daemon/this_node.h"
#include "controlplane/daemon/view_maker.h"
#include "controlplane/yaml/node.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

constexpr size_t kEventsKept = 100'000;
constexpr uint64_t kViewPause = 10'000'000;  // ns between two views in a burst

std::vector<std::string> NamesOf(const std::vector<std::unique_ptr<Source>>& sources) {
  std::vector<std::string> out;
  for (const auto& source : sources) out.push_back(source->Name());
  return out;
}

PolicyOptions OptionsOf(const Config& config) { return {config.default_allow, config.allow_from_host}; }

}  // namespace

Control::Control(ControlParts parts) : parts_(std::move(parts)), events_(kEventsKept) {}

absl::StatusOr<std::unique_ptr<Control>> Control::Create(ControlParts parts) {
  std::unique_ptr<Control> control(new Control(std::move(parts)));
  if (absl::Status status = control->Load(); !status.ok()) return status;
  return control;
}

absl::Status Control::Load() {
  const absl::StatusOr<uint64_t> generation = LoadRemembered();
  if (!generation.ok()) return generation.status();
  const Config& config = parts_.config;
  sources_ = parts_.find_sources();
  inventory_ = std::make_unique<Inventory>(InventoryOptions{config.trust_image_labels, NamesOf(sources_), parts_.adopted,
                                                            parts_.published, config.keep_unconfirmed * kSecond},
                                           &interner_);
  reconciler_ = std::make_unique<Reconciler>(parts_.backend, parts_.store, &interner_, &rules_, OptionsOf(config),
                                             parts_.fresh ? std::vector<EndpointState>() : parts_.adopted, parts_.policy_in_force,
                                             *generation);
  kernel_worker_ = std::make_unique<Worker>();
  slow_worker_ = std::make_unique<Worker>();
  MakeAttacher();
  MakeUplinks();
  MakeGuard();
  MakeSelfCheck();
  fast_path_ = std::make_unique<FastPathKeeper>(
      parts_.backend, config.fast_path,
      FastPathKeeper::Outlet{[this](FastPathKeeper::Job job) { kernel_worker_->Post(std::move(job)); },
                             [this](FastPathKeeper::Job job) { parts_.loop->Post(std::move(job)); }, fast_path::ReadFacts});
  absl::StatusOr<std::unique_ptr<Resolver>> resolver = Resolver::Open(parts_.writer);
  if (!resolver.ok()) return resolver.status();
  resolver_ = *std::move(resolver);
  new_images_ = std::make_unique<NewImages>(parts_.store, &interner_, config.new_image, config.new_image_grace);
  Note("image digests", new_images_->Load());
  if (const absl::StatusOr<std::string> text = yaml::ReadFile(kResolvConf); text.ok()) resolver_hints_ = NameServersOf(*text);
  BelieveResolvers();
  changer_ = std::make_unique<Changer>(ChangerOptions{config.policy_dir, config.default_mode}, this, parts_.store);
  stager_ = std::make_unique<Stager>(this, changer_.get(), parts_.store, [this] { return SyncStaged(); });
  if (absl::Status status = RecallPolicies(); !status.ok()) return status;
  started_at_ = static_cast<uint64_t>(parts_.clock->UnixSeconds());
  return absl::OkStatus();
}

void Control::BelieveResolvers() {
  std::set<IpAddress> servers(parts_.config.resolvers.begin(), parts_.config.resolvers.end());
  for (const std::string& hint : resolver_hints_) {
    if (const std::optional<IpAddress> address = IpAddress::Parse(hint)) servers.insert(*address);
  }
  parts_.observer->Believe(servers);
}

// The threads that call into this object end before it does: sources first, then the workers.
Control::~Control() {
  sources_.clear();
  kernel_worker_.reset();
  slow_worker_.reset();
  check_worker_.reset();
}

absl::Status Control::SetOptions() {
  DataplaneOptions options = parts_.config.dataplane;
  options.uplinks = parts_.uplinks->hook() != UplinkHook::kNone;
  return parts_.backend->SetOptions(options);
}

absl::Status Control::Start() {
  Note("dataplane options", SetOptions());
  blocks_->Tick(static_cast<uint64_t>(parts_.clock->UnixSeconds()));
  absl::StatusOr<LinkMonitor> monitor = LinkMonitor::Open();
  if (!monitor.ok()) return monitor.status();
  monitor_.emplace(*std::move(monitor));
  absl::StatusOr<NetlinkSocket> dumps = NetlinkSocket::Open();
  if (!dumps.ok()) return dumps.status();
  dumps_.emplace(*std::move(dumps));
  absl::StatusOr<FolderWatch> watch = FolderWatch::Open(parts_.config.policy_dir);
  if (!watch.ok()) return watch.status();
  watch_.emplace(*std::move(watch));

  absl::Status status = StartGuard();
  if (status.ok()) status = ReadHost();
  if (!status.ok()) return status;
  ReadFolderIfSettled();
  ShowNow();
  status = parts_.loop->Watch(monitor_->fd(), [this] { OnKernel(); }, "interfaces");
  if (status.ok()) status = parts_.loop->Watch(watch_->fd(), [this] { watch_->OnReadable(Now()); }, "policy folder");
  if (status.ok() && parts_.config.fast_path) status = WatchFastPath();
  if (status.ok()) status = StartTimers();
  if (!status.ok()) return status;
  parts_.loop->AfterRound([this] { Round(); });
  StartSources(0);
  return absl::OkStatus();
}

void Control::StartSources(size_t from) {
  for (size_t i = from; i < sources_.size(); ++i) {
    sources_[i]->Start([this](SourceEvent event) {
      parts_.loop->Post([this, event = std::move(event), came = Now()] { OnSource(event, came); }, "source");
    });
  }
}

void Control::FindSources() {
  const size_t before = sources_.size();
  for (auto& source : parts_.find_sources()) sources_.push_back(std::move(source));
  StartSources(before);
}

absl::Status Control::WatchFastPath() {
  absl::StatusOr<fast_path::Monitor> monitor = fast_path::Monitor::Open();
  if (!monitor.ok()) return monitor.status();
  fast_path_monitor_.emplace(*std::move(monitor));
  for (const int fd : {fast_path_monitor_->route_fd(), fast_path_monitor_->netfilter_fd()}) {
    const absl::Status status = parts_.loop->Watch(fd, [this] {
      if (fast_path_monitor_->Drain()) fast_path_->OnChange(Now());
    }, "fast path");
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Control::StartTimers() {
  EventLoop* loop = parts_.loop;
  Note("clock", clock_watch_.Look(*parts_.clock));
  absl::Status status = loop->Every(20, [this] {
    parts_.loop->Step("policy files", [this] { ReadFolderIfSettled(); });
    fast_path_->Tend(Now());
    guard_->Tend(Now());
  }, "every 20 ms");
  if (status.ok()) {
    status = loop->Every(100, [this] {
      DrainEvents();
      AskKernel();
    }, "events");
  }
  if (status.ok()) status = loop->Every(1000, [this] { EverySecond(); }, "every second");
  if (status.ok()) {
    status = loop->Every(5000, [this] {
      FindSources();
      TendTables();
      CheckStateFile();
    }, "every 5 s");
  }
  return status;
}

absl::Status Control::ReadHost() {
  absl::StatusOr<std::vector<Link>> links = DumpLinks(*dumps_);
  if (!links.ok()) return links.status();
  absl::StatusOr<std::vector<LinkAddress>> addresses = DumpAddresses(*dumps_);
  if (!addresses.ok()) return addresses.status();
  std::vector<HostLink> host_links;
  for (const Link& link : *links) {
    host_links.push_back(HostLinkOf(link));
    host_addresses_.OnLink(link.ifindex, link.kind == "veth");
  }
  inventory_->OnAllLinks(host_links, Now());
  if (!links_read_) {
    std::vector<uint32_t> interfaces;
    for (const Link& link : *links) interfaces.push_back(link.ifindex);
    handover_->Begin(interfaces, Now());
    links_read_ = true;
  }
  uplinks_->OnAllLinks(*links);
  guard_->OnAllLinks(*links, Now());
  host_addresses_.Replace(*addresses);
  TakeHostAddresses();
  dirty_ = true;
  return absl::OkStatus();
}

void Control::OnKernel() {
  const absl::Status status = monitor_->Drain([this](const LinkEvent& event) {
    switch (event.type) {
      case LinkEvent::Type::kLink:
        host_addresses_.OnLink(event.link.ifindex, event.link.kind == "veth");
        inventory_->OnLink(HostLinkOf(event.link), Now());
        uplinks_->OnLink(event.link);
        guard_->OnLink(event.link, Now());
        break;
      case LinkEvent::Type::kLinkGone:
        host_addresses_.OnLink(event.link.ifindex, false);
        inventory_->OnLinkGone(event.link.ifindex, Now());
        uplinks_->OnLinkGone(event.link.ifindex);
        guard_->OnLinkGone(event.link.ifindex);
        break;
      case LinkEvent::Type::kAddress: host_addresses_.Add(event.address); break;
      case LinkEvent::Type::kAddressGone: host_addresses_.Remove(event.address); break;
    }
  });
  TakeHostAddresses();
  dirty_ = true;
  if (status.ok()) return;
  spdlog::warn("interfaces: {}; listing them anew", std::string(status.message()));
  Note("interfaces", ReadHost());
}

void Control::TakeHostAddresses() {
  input_.host_addresses = host_addresses_.List();
  input_.node = ThisNode(parts_.config.node_labels, input_.host_addresses);
}

void Control::OnSource(const SourceEvent& event, uint64_t came) {
  source_came_.push_back(came);
  inventory_->OnSource(event, Now());
  dirty_ = true;
}

void Control::AskKernel() {
  std::vector<ResolveRequest> requests = inventory_->TakeResolveRequests(Now());
  if (!requests.empty()) {
    kernel_worker_->Post([this, requests = std::move(requests)] {
      std::vector<Resolution> answers = resolver_->Resolve(requests);
      parts_.loop->Post([this, requests, answers = std::move(answers)] {
        for (size_t i = 0; i < requests.size(); ++i) inventory_->OnResolved(requests[i].key, requests[i].token, answers[i], Now());
        dirty_ = true;
      });
    });
  }
  std::vector<PeerRequest> peers = inventory_->TakePeerRequests(Now());
  if (peers.empty()) return;
  kernel_worker_->Post([this, peers = std::move(peers)] {
    std::vector<std::optional<MacAddress>> answers;
    for (const PeerRequest& peer : peers) answers.push_back(resolver_->PeerMac(peer));
    parts_.loop->Post([this, peers, answers = std::move(answers)] {
      for (size_t i = 0; i < peers.size(); ++i) inventory_->OnPeer(peers[i].ifindex, answers[i]);
      dirty_ = true;
    });
  });
}

void Control::Round() {
  if (dirty_) CatchUp();
  if (view_late_ && Now() - view_made_ >= kViewPause) parts_.loop->Step("view", [this] { PublishView(); });
}

void Control::CatchUp() {
  dirty_ = false;
  EventLoop* const loop = parts_.loop;
  loop->Step("inventory", [this] { inventory_->Update(Now()); });
  const InventoryState& state = inventory_->state();
  parts_.observer->See(state, Now());
  loop->Step("store", [this] {
    SaveIdentities();
    FindNewImages();
  });
  AskKernel();
  if (!WaitsForSources()) Publish(state);
  view_late_ = true;
}

void Control::Publish(const InventoryState& state) {
  EventLoop* const loop = parts_.loop;
  loop->Step("dataplane", [&] {
    reconciler_->Sync(input_, state, [this](uint32_t ifindex) {
      guard_->Forget(ifindex);
      return attacher_->Release(ifindex);
    });
  });
  MeterSource();
  loop->Step("staged policy", [this] { Note("staged policy", SyncStaged()); });
  loop->Step("upgrade", [&] { Note("upgrade", handover_->Sync(inventory_->settled(), state, Now())); });
  attacher_->Sync(state, Now());
  SyncGuard();
  uplinks_->Sync(state, Now());
  fast_path_->Sync(state, [this](uint32_t ifindex) { return attacher_->IsAttached(ifindex); }, Now());
  Note("fast path", fast_path_->status());
}

void Control::MeterSource() {
  for (const uint64_t came : source_came_) source_event_.AddNs(Now() - came);
  source_came_.clear();
}

absl::Status Control::SyncStaged() {
  return reconciler_->SyncStaged(stager_->Candidate(reconciler_->documents()), input_, inventory_->state());
}

void Control::ShowNow() {
  Round();
  PublishView();
}

void Control::DrainEvents() {
  Note("events", parts_.backend->DrainEvents([this](const bh_event& event) { events_.Add(event); }));
  Note("DNS answers", parts_.observer->DrainAnswers(inventory_->state()));
}

void Control::EverySecond() {
  Note("clock", clock_watch_.Look(*parts_.clock));
  SavePolicies();
  changer_->Tick(static_cast<uint64_t>(parts_.clock->UnixSeconds()));
  blocks_->Tick(static_cast<uint64_t>(parts_.clock->UnixSeconds()));
  guard_->Poll(Now());
  self_check_->Tick();
  dirty_ = true;  // much of what the inventory says depends on how long it has been so
}

// What walks whole tables: edges and more to the learner, expired flows out.
void Control::TendTables() {
  if (tending_) return;
  tending_ = true;
  slow_worker_->Post([this, view = GetView(), batch = parts_.observer->Take(inventory_->state(), Now())] {
    const Observer::Written written = parts_.observer->Write(batch, *view);
    const absl::Status swept = parts_.backend->Sweep().status();
    parts_.loop->Post([this, batch, written, swept] {
      tending_ = false;
      parts_.observer->OnWritten(batch, written);
      Note("learning", written.status);
      Note("edges", written.lost);
      Note("flow table", swept);
    });
  });
}

void Control::Note(const std::string& what, const absl::Status& status) {
  if (status.ok()) {
    problems_.erase(what);
  } else {
    problems_[what] = std::string(status.message());
  }
}

std::shared_ptr<const View> Control::GetView() const {
  const std::lock_guard lock(view_mutex_);
  return view_;
}

void Control::PublishView() {
  ViewParts parts;
  parts.inventory = &inventory_->state();
  parts.reconciler = reconciler_.get();
  parts.policies = &policies_;
  parts.input = &input_;
  parts.identities = &interner_;
  parts.rules = &rules_;
  parts.attached = [this](uint32_t ifindex) { return attacher_->IsAttached(ifindex); };
  parts.networks = fast_path_->Networks();
  for (const auto& [what, text] : problems_) parts.problems.push_back(absl::StrCat(what, ": ", text));
  parts.problems.insert(parts.problems.end(), parts_.lasting_problems.begin(), parts_.lasting_problems.end());
  for (const std::string& problem : uplinks_->problems()) parts.problems.push_back(problem);
  for (const std::string& problem : guard_->problems()) parts.problems.push_back(problem);
  if (parts_.attach_problems) {
    for (const std::string& problem : parts_.attach_problems()) parts.problems.push_back(problem);
  }
  for (const std::string& problem : {changer_->problem(), stager_->problem(), blocks_->problem()}) {
    if (!problem.empty()) parts.problems.push_back(problem);
  }
  parts.staged_since = stager_->since();
  parts.staged_policies = stager_->policies();
  parts.attach = parts_.config.attach;
  parts.workload_hook = parts_.config.workload_xdp ? "xdp" : "tc";
  parts.uplink_hook = UplinkHookName(parts_.config.uplink_hook);
  parts.uplinks = uplinks_->View();
  parts.guard = guard_->View();
  parts.blocks = blocks_->View();
  parts.self_check = self_check_->view();
  parts.epoch = parts_.stamp ? BH_STAMP_EPOCH(parts_.stamp()) : 0;
  parts.source_event = source_event_;
  parts.pending_confirm = changer_->pending();
  parts.started_at = started_at_;
  parts.now_ns = Now();
  parts.newcomers = &new_images_->newcomers();
  for (const IpAddress& resolver : parts_.config.resolvers) parts.resolvers.push_back(resolver.ToString());
  parts.resolver_hints = resolver_hints_;
  std::shared_ptr<const View> view = MakeView(parts);
  view_made_ = parts.now_ns;
  view_late_ = false;
  LogNew(view->problems);
  const std::lock_guard lock(view_mutex_);
  view_ = std::move(view);
}

void Control::LogNew(const std::vector<std::string>& problems) {
  const std::set<std::string> now(problems.begin(), problems.end());
  for (const std::string& problem : now) {
    if (!logged_.contains(problem)) spdlog::warn("{}", problem);
  }
  logged_ = now;
}

}  // namespace bulkhead

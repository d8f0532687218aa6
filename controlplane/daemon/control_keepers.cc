// SPDX-License-Identifier: Apache-2.0
// Control's keepers of programs, uplinks and guard.
#include "controlplane/daemon/control.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

bool AnyEnforces(const Modes& modes) {
  if (modes.global == Mode::kEnforce) return true;
  for (const auto& [ns, mode] : modes.namespaces) {
    if (mode == Mode::kEnforce) return true;
  }
  for (const auto& [service, mode] : modes.services) {
    if (mode == Mode::kEnforce) return true;
  }
  return false;
}

}  // namespace

void Control::MakeAttacher() {
  attacher_ = std::make_unique<AttachKeeper>(
      parts_.backend, [this](AttachKeeper::Job job) { kernel_worker_->Post(std::move(job)); },
      [this](AttachKeeper::Job job) {
        parts_.loop->Post([this, job = std::move(job)] {
          job();
          dirty_ = true;
        });
      },
      [this](uint32_t ifindex, const absl::Status& status) {
        if (!status.ok()) spdlog::debug("interface {}: {}", ifindex, std::string(status.message()));
        inventory_->OnAttached(ifindex, status);
      });
  handover_ = std::make_unique<Handover>(attacher_.get(), parts_.attached, parts_.older, parts_.handover);
}

void Control::MakeUplinks() {
  UplinkWorld world;
  world.run = [this](std::function<void()> job) { kernel_worker_->Post(std::move(job)); };
  world.back = [this](std::function<void()> job) {
    parts_.loop->Post([this, job = std::move(job)] {
      job();
      dirty_ = true;
    });
  };
  world.outward = [this] { return OutwardInterfaces(*dumps_); };
  world.local_ports = LocalPortRange;
  uplinks_ = std::make_unique<UplinkKeeper>(parts_.uplinks, parts_.config.uplinks, std::move(world));
  blocks_ = std::make_unique<BlockList>(parts_.store, parts_.uplinks);
}

// An uplink by name may be a veth on a container bridge, and is no endpoint for that.
HostLink Control::HostLinkOf(const Link& link) const {
  HostLink out = ToHostLink(link);
  if (uplinks_->IsNamed(link.name)) out.kind.clear();
  return out;
}

void Control::MakeGuard() {
  GuardKeeper::Outlet outlet;
  outlet.run = [this](GuardKeeper::Job job) { kernel_worker_->Post(std::move(job)); };
  outlet.write = [this](GuardKeeper::Job job) { slow_worker_->Post(std::move(job)); };
  outlet.back = [this](GuardKeeper::Job job) { parts_.loop->Post(std::move(job)); };
  outlet.save = [folder = parts_.config.state_dir](const KeptGuard& guard) { return SaveGuard(folder, guard); };
  guard_ = std::make_unique<GuardKeeper>(GuardSettingsOf(parts_.config), parts_.guard, std::move(outlet));
}

// Listens before it reads, so that nothing falls between.
absl::Status Control::StartGuard() {
  if (parts_.guard == nullptr) return absl::OkStatus();
  absl::StatusOr<nft::GuardMonitor> monitor = nft::GuardMonitor::Open(parts_.guard_port);
  if (!monitor.ok()) return monitor.status();
  guard_monitor_.emplace(*std::move(monitor));
  guard_->Begin(parts_.guard->Read(), LoadGuard(parts_.config.state_dir), Now());
  return parts_.loop->Watch(guard_monitor_->fd(), [this] {
    if (guard_monitor_->Drain()) guard_->OnDisturbed(Now());
  }, "guard");
}

void Control::SyncGuard() {
  GuardKeeper::World world;
  world.inventory = &inventory_->state();
  world.attached = [this](uint32_t ifindex) { return attacher_->IsAttached(ifindex); };
  world.failing = [this](uint32_t ifindex) { return attacher_->IsFailing(ifindex); };
  world.enforces = AnyEnforces(input_.modes);
  world.modes_known = folder_read_;
  world.sources_settled = inventory_->settled();
  guard_->Sync(world, Now());
}

}  // namespace bulkhead

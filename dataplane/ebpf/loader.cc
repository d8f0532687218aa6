// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/base.h"
#include "dataplane/ebpf/program_fd.h"
#include "dataplane/kernel/bpffs.h"
#include "dataplane/kernel/libbpf_log.h"
#include "workload.skel.h"

namespace bulkhead {
namespace {

constexpr char kControl[] = "bh_control";

struct SkeletonDestroyer {
  void operator()(workload_bpf* skeleton) const { workload_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<workload_bpf, SkeletonDestroyer>;

absl::StatusOr<Skeleton> OpenSkeleton(uint16_t zone, uint64_t secret) {
  const LibbpfLog log;
  Skeleton skeleton(workload_bpf__open());
  if (skeleton == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("opening the BPF object: ", log.text()));
  skeleton->rodata->bh_zone = zone;
  skeleton->rodata->bh_secret = secret;
  return skeleton;
}

// Never 0, which means that there is none.
absl::StatusOr<uint64_t> DrawSecret() {
  uint64_t secret = 0;
  while (secret == 0) {
    if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret)) return absl::ErrnoToStatus(errno, "getrandom");
  }
  return secret;
}

absl::StatusOr<bpf_map_info> MapInfo(int fd) {
  bpf_map_info info{};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return absl::ErrnoToStatus(errno, "asking for a map's layout");
  return info;
}

// That a pinned map can stand for the object's. Its number of elements may differ: it was chosen by an earlier start.
absl::Status CheckLayout(const bpf_map* map, int fd) {
  const auto info = MapInfo(fd);
  if (!info.ok()) return info.status();
  if (info->type == static_cast<uint32_t>(bpf_map__type(map)) && info->key_size == bpf_map__key_size(map) &&
      info->value_size == bpf_map__value_size(map) && info->map_flags == bpf_map__map_flags(map)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the pinned map ", bpf_map__name(map), " has another shape than this build's: start once with --reset"));
}

}  // namespace

Loader::~Loader() {
  if (maps_.control != nullptr) munmap(maps_.control, static_cast<size_t>(sysconf(_SC_PAGESIZE)));
}

absl::StatusOr<std::unique_ptr<Loader>> Loader::Open(KernelWriter& writer, LoaderOptions options) {
  // Kernels before 5.11 account maps to this limit. Without the right to raise it the load itself says whether it was enough.
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  static_cast<void>(setrlimit(RLIMIT_MEMLOCK, &unlimited));
  std::unique_ptr<Loader> loader(new Loader(writer, std::move(options)));
  if (auto status = loader->PrepareDirectories(); !status.ok()) return status;
  if (auto status = loader->OpenPinnedMaps(); !status.ok()) return status;
  if (loader->options_.workload_xdp) {
    const auto secret = DrawSecret();
    if (!secret.ok()) return secret.status();
    loader->secret_ = *secret;
  }
  if (auto programs = loader->Programs(0); !programs.ok()) return programs.status();
  if (!loader->options_.workload_xdp) {
    if (auto status = loader->DropXdp(); !status.ok()) return status;
  }
  if (auto status = loader->MapControl(); !status.ok()) return status;
  if (auto status = loader->CarryControl(); !status.ok()) return status;
  if (auto status = loader->FillMaps(); !status.ok()) return status;
  return loader;
}

absl::Status Loader::PrepareDirectories() {
  if (options_.look_only) return absl::OkStatus();
  if (auto status = EnsureBpffs(writer_, options_.root); !status.ok()) return status;
  for (const std::string& directory : {base_, base_ + "/maps", base_ + "/programs", base_ + "/links"}) {
    if (auto status = writer_.MakeDirectory(directory); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Loader::OpenPinnedMaps() {
  const std::string folder = base_ + "/maps/";
  const bool whole = access((folder + kControl).c_str(), F_OK) == 0;
  adopted_ = whole && options_.from.version == 0;
  if (whole && !adopted_) {
    // Flows may carry its stamps.
    if (const auto control = ReadOlderControl(base_); control.ok()) last_stamp_ = control->stamp;
  }
  for (const std::string& path : ListTree(base_ + "/maps")) {
    if (path.size() <= folder.size()) continue;  // the folder itself
    if (!adopted_) {
      if (auto status = writer_.Unpin(path); !status.ok()) return status;
      continue;
    }
    UniqueFd fd(bpf_obj_get(path.c_str()));
    if (!fd.ok()) return absl::ErrnoToStatus(errno, path);
    fds_[path.substr(folder.size())] = std::move(fd);
  }
  OpenCarried();
  return absl::OkStatus();
}

absl::Status Loader::PrepareMaps(bpf_object* object) {
  ChooseCarried(object);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__is_internal(map)) continue;
    const std::string name = bpf_map__name(map);
    if (const auto open = fds_.find(name); open != fds_.end()) {
      if (auto status = CheckLayout(map, open->second.get()); !status.ok()) return status;
      if (bpf_map__reuse_fd(map, open->second.get()) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("using map ", name));
    } else if (const auto carried = carried_.find(name); carried != carried_.end()) {
      if (bpf_map__reuse_fd(map, carried->second.get()) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("using map ", name));
      carried_names_.insert(name);
    } else if (const auto size = options_.max_entries.find(name); size != options_.max_entries.end()) {
      if (bpf_map__set_max_entries(map, size->second) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("sizing map ", name));
    }
  }
  return absl::OkStatus();
}

// Pins the maps that the load created; the control word, which makes the set whole, last.
absl::Status Loader::KeepNewMaps(bpf_object* object) {
  bpf_map* map = nullptr;
  bpf_map* control = nullptr;
  const auto keep = [&](const bpf_map* created) -> absl::Status {
    const std::string name = bpf_map__name(created);
    auto fd = DuplicateFd(bpf_map__fd(created));
    if (!fd.ok()) return fd.status();
    if (auto status = writer_.Pin(fd->get(), absl::StrCat(base_, "/maps/", name)); !status.ok()) return status;
    fds_[name] = *std::move(fd);
    return absl::OkStatus();
  };
  bpf_object__for_each_map(map, object) {
    const std::string name = bpf_map__name(map);
    if (bpf_map__is_internal(map) || fds_.contains(name)) continue;
    if (name == kControl) {
      control = map;
    } else if (auto status = keep(map); !status.ok()) {
      return status;
    }
  }
  return control == nullptr ? absl::OkStatus() : keep(control);
}

absl::Status Loader::LoadZone(uint16_t zone, Zone& out) {
  auto skeleton = OpenSkeleton(zone, secret_);
  if (!skeleton.ok()) return skeleton.status();
  bpf_object* object = (*skeleton)->obj;
  // The slow path and the clock are the same for all zones: the first load brings them.
  for (bpf_program* shared : {(*skeleton)->progs.bh_clock, (*skeleton)->progs.bh_settle, (*skeleton)->progs.bh_ingress_slow,
                              (*skeleton)->progs.bh_egress_slow}) {
    bpf_program__set_autoload(shared, zone == 0);
  }
  if (auto status = PrepareMaps(object); !status.ok()) return status;
  if (auto status = writer_.LoadObject(object); !status.ok()) return status;
  if (auto status = KeepNewMaps(object); !status.ok()) return status;
  auto ingress = DuplicateFd(bpf_program__fd((*skeleton)->progs.bh_ingress));
  auto egress = DuplicateFd(bpf_program__fd((*skeleton)->progs.bh_egress));
  if (!ingress.ok()) return ingress.status();
  if (!egress.ok()) return egress.status();
  if (zone == 0) {
    auto clock = DuplicateFd(bpf_program__fd((*skeleton)->progs.bh_clock));
    if (!clock.ok()) return clock.status();
    clock_ = *std::move(clock);
    auto settle = DuplicateFd(bpf_program__fd((*skeleton)->progs.bh_settle));
    if (!settle.ok()) return settle.status();
    settle_ = *std::move(settle);
    const int slow[] = {bpf_program__fd((*skeleton)->progs.bh_ingress_slow), bpf_program__fd((*skeleton)->progs.bh_egress_slow)};
    if (auto status = SetSlowPath(slow); !status.ok()) return status;
  }
  const auto ingress_id = ProgramId(ingress->get());
  const auto egress_id = ProgramId(egress->get());
  if (!ingress_id.ok()) return ingress_id.status();
  if (!egress_id.ok()) return egress_id.status();
  out.programs = {ingress->get(), egress->get(), *ingress_id, *egress_id};
  out.ingress = *std::move(ingress);
  out.egress = *std::move(egress);
  if (auto status = LoadXdp(zone, out); !status.ok()) return status;
  return PinZone(zone, out);
}

// bh_tails, by hook. Replaces those of an earlier build: attached programs use the new ones from their next packet on.
absl::Status Loader::SetSlowPath(const int (&programs)[2]) {
  for (uint32_t hook = 0; hook < 2; ++hook) {
    if (auto status = writer_.UpdateElement(MapFd("bh_tails"), &hook, &programs[hook]); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// In place of the pins of an earlier process, which the attached programs do not depend on.
absl::Status Loader::PinZone(uint16_t zone, const Zone& programs) {
  const std::string folder = absl::StrCat(base_, "/programs/", zone);
  if (auto status = writer_.MakeDirectory(folder); !status.ok()) return status;
  const std::pair<const char*, int> pins[] = {{"/bh_ingress", programs.ingress.get()}, {"/bh_egress", programs.egress.get()}};
  for (const auto& [name, fd] : pins) {
    const std::string path = folder + name;
    const std::string next = path + "_next";
    const absl::Status removed = access(next.c_str(), F_OK) == 0 ? writer_.Unpin(next) : absl::OkStatus();
    if (!removed.ok()) return removed;
    if (auto status = writer_.Pin(fd, next); !status.ok()) return status;
    if (auto status = writer_.RenamePin(next, path); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<ZonePrograms> Loader::Programs(uint16_t zone) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (const auto found = zones_.find(zone); found != zones_.end()) return found->second.programs;
  Zone loaded;
  if (auto status = LoadZone(zone, loaded); !status.ok()) return status;
  return zones_.emplace(zone, std::move(loaded)).first->second.programs;
}

const ZonePrograms* Loader::Loaded(uint16_t zone) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = zones_.find(zone);
  return found == zones_.end() ? nullptr : &found->second.programs;
}

absl::Status Loader::MapControl() {
  void* memory = mmap(nullptr, static_cast<size_t>(sysconf(_SC_PAGESIZE)), PROT_READ | PROT_WRITE, MAP_SHARED, MapFd(kControl), 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "mapping bh_control");
  maps_.control = static_cast<bh_control*>(memory);
  return absl::OkStatus();
}

absl::Status Loader::FillMaps() {
  const std::pair<const char*, int*> wanted[] = {
      {"bh_policy", &maps_.policy},
      {"bh_subjects", &maps_.subjects},
      {"bh_matrix", &maps_.matrix},
      {"bh_rulesets", &maps_.rulesets},
      {"bh_intervals", &maps_.intervals},
      {"bh_prefix4_0", &maps_.prefix4[0]},
      {"bh_prefix4_1", &maps_.prefix4[1]},
      {"bh_prefix4_2", &maps_.prefix4[BH_SLOT_STAGED]},
      {"bh_prefix6_0", &maps_.prefix6[0]},
      {"bh_prefix6_1", &maps_.prefix6[1]},
      {"bh_prefix6_2", &maps_.prefix6[BH_SLOT_STAGED]},
      {"bh_ports", &maps_.ports},
      {"bh_endpoints", &maps_.endpoints},
      {"bh_fast_ends", &maps_.fast_ends},
      {"bh_macs", &maps_.macs},
      {"bh_addresses", &maps_.addresses},
      {"bh_published", &maps_.published},
      {"bh_targets", &maps_.targets},
      {"bh_edges", &maps_.edges},
      {"bh_edges_outside", &maps_.edges_outside},
      {"bh_staged_edges", &maps_.staged_edges},
      {"bh_rule_counts", &maps_.rule_counts},
      {"bh_capture", &maps_.capture},
      {"bh_captured", &maps_.captured},
      {"bh_captures", &maps_.captures},
      {"bh_counters", &maps_.counters},
      {"bh_events", &maps_.events},
      {"bh_dns_answers", &maps_.dns_answers},
      {"bh_clock_now", &maps_.clock_now},
  };
  for (const auto& [name, fd] : wanted) {
    *fd = MapFd(name);
    if (*fd < 0) return absl::InternalError(absl::StrCat("the BPF object has no map ", name));
  }
  const auto addresses = MapInfo(maps_.addresses);
  const auto published = MapInfo(maps_.published);
  if (!addresses.ok()) return addresses.status();
  if (!published.ok()) return published.status();
  maps_.max_addresses = addresses->max_entries;
  maps_.max_published = published->max_entries;
  return absl::OkStatus();
}

std::set<uint32_t> Loader::MapIds() const {
  std::set<uint32_t> out;
  for (const auto& [name, fd] : fds_) {
    if (const auto info = MapInfo(fd.get()); info.ok()) out.insert(info->id);
  }
  return out;
}

int Loader::MapFd(std::string_view name) const {
  const auto found = fds_.find(name);
  return found == fds_.end() ? -1 : found->second.get();
}

}  // namespace bulkhead

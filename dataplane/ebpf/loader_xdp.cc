// SPDX-License-Identifier: Apache-2.0
// The loader's XDP programs: those of workloads' interfaces, with each zone, and that of the uplinks. They use the maps that the tc
// programs' object brought.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/event.h"
#include "dataplane/ebpf/loader.h"
#include "dataplane/ebpf/program_fd.h"
#include "dataplane/kernel/libbpf_log.h"
#include "uplink_xdp.skel.h"
#include "workload_xdp.skel.h"

namespace bulkhead {
namespace {

struct WorkloadXdpDestroyer {
  void operator()(workload_xdp_bpf* skeleton) const { workload_xdp_bpf__destroy(skeleton); }
};
struct UplinkXdpDestroyer {
  void operator()(uplink_xdp_bpf* skeleton) const { uplink_xdp_bpf__destroy(skeleton); }
};

}  // namespace

absl::Status Loader::LoadXdp(uint16_t zone, Zone& out) {
  if (!options_.workload_xdp) return absl::OkStatus();
  const LibbpfLog log;
  const std::unique_ptr<workload_xdp_bpf, WorkloadXdpDestroyer> skeleton(workload_xdp_bpf__open());
  if (skeleton == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("opening the XDP object: ", log.text()));
  skeleton->rodata->bh_zone = zone;
  skeleton->rodata->bh_secret = secret_;
  bpf_program__set_autoload(skeleton->progs.bh_xdp_slow, zone == 0);  // the same for all zones
  if (auto status = PrepareMaps(skeleton->obj); !status.ok()) return status;
  if (auto status = writer_.LoadObject(skeleton->obj); !status.ok()) return status;
  if (zone == 0) {
    const uint32_t hook = BH_HOOK_INGRESS;
    const int slow = bpf_program__fd(skeleton->progs.bh_xdp_slow);
    if (auto status = writer_.UpdateElement(MapFd("bh_xdp_tails"), &hook, &slow); !status.ok()) return status;
  }
  auto program = DuplicateFd(bpf_program__fd(skeleton->progs.bh_xdp));
  if (!program.ok()) return program.status();
  const auto id = ProgramId(program->get());
  if (!id.ok()) return id.status();
  out.programs.xdp = program->get();
  out.programs.xdp_id = *id;
  out.xdp = *std::move(program);
  return absl::OkStatus();
}

absl::Status Loader::DropXdp() {
  const uint32_t hook = BH_HOOK_INGRESS;
  const absl::Status status = writer_.DeleteElement(MapFd("bh_xdp_tails"), &hook);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::StatusOr<UniqueFd> Loader::LoadUplink() {
  const LibbpfLog log;
  const std::unique_ptr<uplink_xdp_bpf, UplinkXdpDestroyer> skeleton(uplink_xdp_bpf__open());
  if (skeleton == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("opening the uplinks' object: ", log.text()));
  if (auto status = PrepareMaps(skeleton->obj); !status.ok()) return status;
  if (auto status = writer_.LoadObject(skeleton->obj); !status.ok()) return status;
  return DuplicateFd(bpf_program__fd(skeleton->progs.bh_uplink));
}

}  // namespace bulkhead

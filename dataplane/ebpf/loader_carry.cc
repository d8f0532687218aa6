// SPDX-License-Identifier: Apache-2.0
// What the loader takes over from an older layout.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <atomic>

#include "dataplane/ebpf/loader.h"

namespace bulkhead {
namespace {

// Its elements may be more or fewer.
bool Fits(const bpf_map* map, int fd) {
  bpf_map_info info{};
  uint32_t size = sizeof(info);
  return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == static_cast<uint32_t>(bpf_map__type(map)) &&
         info.key_size == bpf_map__key_size(map) && info.value_size == bpf_map__value_size(map) &&
         info.map_flags == bpf_map__map_flags(map);
}

}  // namespace

void Loader::OpenCarried() {
  if (options_.from.version == 0 || !options_.carry) return;
  carried_ = OpenCarriedMaps(options_.from, options_.fresh);
  auto control = ReadOlderControl(options_.from.base);
  if (control.ok() && control->secret.size() == BH_SECRET_WORDS && control->secret[0] != 0) older_control_ = *std::move(control);
}

// The parts of the flow table only go together, and with the secret of its hash.
void Loader::ChooseCarried(bpf_object* object) {
  if (carried_.empty()) return;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const auto carried = carried_.find(bpf_map__name(map));
    if (carried == carried_.end() || fds_.contains(carried->first) || Fits(map, carried->second.get())) continue;
    carried_.erase(carried);
  }
  size_t flow_maps = 0;
  bpf_object__for_each_map(map, object) flow_maps += IsFlowMap(bpf_map__name(map)) ? 1 : 0;
  const auto is_flow_map = [](const auto& entry) { return IsFlowMap(entry.first); };
  const auto there = static_cast<size_t>(std::count_if(carried_.begin(), carried_.end(), is_flow_map));
  if (older_control_ && there >= flow_maps) return;
  std::erase_if(carried_, is_flow_map);
  older_control_.reset();
}

// Flows that bear a stamp of the older layout's are judged anew.
absl::Status Loader::CarryControl() {
  if (!older_control_) return absl::OkStatus();
  bh_control& control = *maps_.control;
  const uint32_t epoch = std::max(BH_STAMP_EPOCH(older_control_->stamp), BH_STAMP_EPOCH(last_stamp_)) + 2;
  return writer_.ChangeMapped("carry control", [&] {
    std::atomic_ref<__u32>(control.stamp).store(BH_STAMP(epoch, 0));
    for (int i = BH_SECRET_WORDS - 1; i >= 0; --i) {
      std::atomic_ref<__u64>(control.secret[i]).store(older_control_->secret[static_cast<size_t>(i)]);
    }
  });
}

}  // namespace bulkhead

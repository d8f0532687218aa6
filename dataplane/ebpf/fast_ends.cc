// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/fast_ends.h"

#include <algorithm>

#include "bulkhead/abi/address.h"

namespace bulkhead {

absl::Status FastEnds::Empty() {
  std::vector<uint32_t> keys(BH_MAX_ENDPOINTS);
  for (uint32_t slot = 0; slot < BH_MAX_ENDPOINTS; ++slot) keys[slot] = slot;
  const std::vector<bh_fast> none(keys.size());
  return writer_.UpdateBatch(maps_.fast_ends, keys.data(), none.data(), BH_MAX_ENDPOINTS);
}

absl::Status FastEnds::Clear(uint16_t slot) {
  if (!listed_.contains(slot)) return absl::OkStatus();
  const uint32_t key = slot;
  const bh_fast none{};
  if (auto status = writer_.UpdateElement(maps_.fast_ends, &key, &none); !status.ok()) return status;
  listed_.erase(slot);
  return absl::OkStatus();
}

absl::Status FastEnds::Put(const EndpointState& endpoint) {
  const End end{endpoint.ifindex, endpoint.zone, endpoint.mac};
  const auto known = ends_.find(endpoint.slot);
  const bool fit = endpoint.bound && endpoint.zone != 0 && endpoint.mac != MacAddress{};
  if (fit && known != ends_.end() && known->second == end) return absl::OkStatus();
  if (auto status = Remove(endpoint.slot); !status.ok()) return status;
  if (fit) ends_.emplace(endpoint.slot, end);
  return absl::OkStatus();
}

absl::Status FastEnds::Remove(uint16_t slot) {
  if (auto status = Clear(slot); !status.ok()) return status;
  ends_.erase(slot);
  return absl::OkStatus();
}

absl::Status FastEnds::Set(const std::vector<uint16_t>& slots, uint32_t until, bool& withdrawn) {
  const std::set<uint16_t> wanted(slots.begin(), slots.end());
  const std::set<uint16_t> before = listed_;
  for (const uint16_t slot : before) {
    if (wanted.contains(slot)) continue;
    if (auto status = Clear(slot); !status.ok()) return status;
    withdrawn = true;
  }
  std::vector<uint32_t> keys;
  std::vector<bh_fast> values;
  for (const uint16_t slot : wanted) {
    const auto end = ends_.find(slot);
    if (end == ends_.end()) continue;
    bh_fast value{};
    value.ifindex = end->second.ifindex;
    value.until = until;
    std::copy(end->second.mac.bytes.begin(), end->second.mac.bytes.end(), value.mac);
    keys.push_back(slot);
    values.push_back(value);
    listed_.insert(slot);
  }
  if (keys.empty()) return absl::OkStatus();
  return writer_.UpdateBatch(maps_.fast_ends, keys.data(), values.data(), static_cast<uint32_t>(keys.size()));
}

}  // namespace bulkhead

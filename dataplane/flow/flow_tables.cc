// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/flow_tables.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "bpf/flow_store.h"

namespace bulkhead {
namespace {

constexpr uint32_t kGroupsAtOnce = 1024;  // in one change of the kernel's state

size_t PageRounded(size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

template <typename Element>
absl::Status MapArray(int fd, const char* name, Element*& out, uint32_t& elements) {
  static_assert(sizeof(Element) % 8 == 0, "the kernel rounds elements up");
  bpf_map_info info{};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("asking for the size of ", name));
  if (info.value_size != sizeof(Element)) return absl::FailedPreconditionError(absl::StrCat(name, " has another layout"));
  void* memory = mmap(nullptr, PageRounded(size_t{info.max_entries} * sizeof(Element)), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, absl::StrCat("mapping ", name));
  out = static_cast<Element*>(memory);
  elements = info.max_entries;
  return absl::OkStatus();
}

template <typename Element>
void UnmapArray(Element* memory, uint32_t elements) {
  if (memory != nullptr) munmap(memory, PageRounded(size_t{elements} * sizeof(Element)));
}

bh_group GroupOf(const FlowTables::Memory& memory, uint64_t group, bool v4) {
  bh_group out{};
  out.usage = memory.usage;
  if (v4) {
    out.slots = &memory.flows4[group];
    out.colds = memory.colds4[group].cold;
  } else {
    out.slots = &memory.flows6[group];
  }
  return out;
}

// As one reads what others change: word by word.
void CopyWords(void* to, const void* from, size_t bytes) {
  const auto* source = static_cast<const bh_word*>(from);
  for (size_t i = 0; i < bytes / sizeof(bh_word); ++i) {
    const bh_word word = bh_load(&source[i]);
    std::memcpy(static_cast<char*>(to) + i * sizeof(word), &word, sizeof(word));
  }
}

// False: there is none, or it changed hands meanwhile.
bool ReadSlot(const bh_group& group, uint32_t n, bool v4, FlowEntry& out) {
  const int words = v4 ? BH_KEY4_WORDS : BH_KEY6_WORDS;
  bh_flow_hot* slot = bh_slot_at(&group, n, words);
  const uint32_t meta = bh_load(&slot->meta);
  if (!BH_META_HOLDS_FLOW(meta)) return false;
  CopyWords(&out.flow.hot, slot, sizeof(out.flow.hot));
  CopyWords(&out.flow.macs, bh_slot_macs(slot, words), sizeof(out.flow.macs));
  CopyWords(&out.flow.cold, bh_cold_at(&group, n, words), sizeof(out.flow.cold));
  if (v4) {
    CopyWords(&out.key4, bh_slot_key(slot), sizeof(out.key4));
  } else {
    CopyWords(&out.key6, bh_slot_key(slot), sizeof(out.key6));
  }
  out.family = v4 ? BH_V4 : BH_V6;
  return bh_store_is_same(slot, meta);
}

uint64_t SweepGroup(const bh_group& group, bool v4, const bh_control& control, uint32_t now_tick) {
  const int words = v4 ? BH_KEY4_WORDS : BH_KEY6_WORDS;
  uint64_t swept = 0;
  bool untidy = false;
  for (uint32_t n = 0; n < BH_GROUP_SLOTS; ++n) {
    bh_flow_hot* slot = bh_slot_at(&group, n, words);
    const uint32_t meta = bh_load(&slot->meta);
    if (BH_META_STATE(meta) == BH_FLOW_FREE) untidy = true;
    if (!BH_META_HOLDS_FLOW(meta) || (BH_META_FLAGS(meta) & BH_FLOW_HELD) != 0) continue;
    if (!bh_flow_expired(meta, bh_load(&slot->last_seen), bh_key_protocol(slot, words), now_tick, &control)) continue;
    if (!bh_store_release(&group, n, meta, words)) continue;
    untidy = true;
    ++swept;
  }
  if (untidy) bh_store_tidy(&group, words);
  return swept;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FlowTables>> FlowTables::Map(const FlowMaps& maps) {
  std::unique_ptr<FlowTables> out(new FlowTables());
  out->mapped_ = true;
  Memory& memory = out->memory_;
  uint32_t colds = 0, usages = 0;
  if (auto status = MapArray(maps.flows4, "bh_flows4", memory.flows4, memory.groups4); !status.ok()) return status;
  if (auto status = MapArray(maps.flows4_cold, "bh_flows4_cold", memory.colds4, colds); !status.ok()) return status;
  if (auto status = MapArray(maps.flows6, "bh_flows6", memory.flows6, memory.groups6); !status.ok()) return status;
  if (auto status = MapArray(maps.usage, "bh_usage", memory.usage, usages); !status.ok()) return status;
  if (colds != memory.groups4 || !std::has_single_bit(memory.groups4) || !std::has_single_bit(memory.groups6)) {
    return absl::FailedPreconditionError("the pinned flow tables have sizes that do not fit: uninstall first");
  }
  return out;
}

FlowTables::~FlowTables() {
  if (!mapped_) return;
  UnmapArray(memory_.flows4, memory_.groups4);
  UnmapArray(memory_.colds4, memory_.groups4);
  UnmapArray(memory_.flows6, memory_.groups6);
  UnmapArray(memory_.usage, 1);
}

bool FlowTables::Read(FlowCursor& cursor, const std::function<bool(const FlowEntry&)>& callback) const {
  bool wanted = true;
  while (wanted) {
    const bool more = ReadGroups(cursor, 1, [&](const FlowEntry& entry) {
      if (wanted) wanted = callback(entry);
    });
    if (!more) return true;
  }
  return false;
}

bool FlowTables::ReadGroups(FlowCursor& cursor, uint64_t groups, const std::function<void(const FlowEntry&)>& callback) const {
  const uint64_t all = uint64_t{memory_.groups4} + memory_.groups6;
  FlowEntry entry;
  for (; groups > 0 && cursor.group < all; --groups, ++cursor.group) {
    const bool v4 = cursor.group < memory_.groups4;
    const bh_group group = GroupOf(memory_, v4 ? cursor.group : cursor.group - memory_.groups4, v4);
    for (uint32_t n = 0; n < BH_GROUP_SLOTS; ++n) {
      if (ReadSlot(group, n, v4, entry)) callback(entry);
    }
  }
  return groups == 0;
}

uint64_t FlowTables::CountUsed() const {
  uint64_t used = 0;
  for (const auto& endpoint : memory_.usage->flows) used += uint64_t{bh_load(&endpoint[0])} + bh_load(&endpoint[1]);
  return used;
}

absl::StatusOr<uint64_t> FlowTables::Sweep(KernelWriter& writer, const bh_control& control, uint32_t now_tick) {
  const uint32_t all = memory_.groups4 + memory_.groups6;
  uint64_t swept = 0;
  for (uint32_t first = 0; first < all; first += kGroupsAtOnce) {
    const absl::Status status = writer.ChangeMapped("sweep flows", [&] {
      for (uint32_t i = first; i < std::min(all, first + kGroupsAtOnce); ++i) {
        const bool v4 = i < memory_.groups4;
        swept += SweepGroup(GroupOf(memory_, v4 ? i : i - memory_.groups4, v4), v4, control, now_tick);
      }
    });
    if (!status.ok()) return status;
  }
  return swept;
}

bool FlowExpired(const bh_flow_hot& hot, uint8_t protocol, const bh_control& control, uint32_t now_tick) {
  return bh_flow_expired(hot.meta, hot.last_seen, protocol, now_tick, &control);
}

}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/census.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/flow.h"
#include "dataplane/ebpf/loader.h"

namespace bulkhead {
namespace {

// Maps whose elements are counted, by what people call them.
constexpr std::pair<const char*, const char*> kCounted[] = {{"endpoints", "bh_ports"},
                                                            {"addresses", "bh_addresses"},
                                                            {"published_ports", "bh_published"},
                                                            {"prefixes_ipv4", "bh_prefix4_"},
                                                            {"prefixes_ipv6", "bh_prefix6_"},
                                                            {"edges", "bh_edges"},
                                                            {"edges_outside", "bh_edges_outside"},
                                                            {"staged_edges", "bh_staged_edges"},
                                                            {"fragments", "bh_fragments"},
                                                            {"blocked_ipv4", "bh_blocked4"},
                                                            {"blocked_ipv6", "bh_blocked6"}};

absl::StatusOr<UniqueFd> OpenPinned(const std::string& base, const std::string& name, bpf_map_info* info) {
  struct bpf_obj_get_opts options = {};
  options.sz = sizeof(options);
  options.file_flags = BPF_F_RDONLY;
  UniqueFd map(bpf_obj_get_opts((base + "/maps/" + name).c_str(), &options));
  if (!map.ok()) return absl::ErrnoToStatus(errno, absl::StrCat("opening the pinned map ", name));
  uint32_t size = sizeof(*info);
  if (bpf_obj_get_info_by_fd(map.get(), info, &size) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("asking for the size of ", name));
  return map;
}

// At most twice as many as fit: a map that changes meanwhile may begin anew.
uint64_t CountKeys(int map, const bpf_map_info& info) {
  std::string key(info.key_size, '\0'), next(info.key_size, '\0');
  uint64_t count = 0;
  const uint64_t most = uint64_t{info.max_entries} * 2;
  for (int result = bpf_map_get_next_key(map, nullptr, next.data()); result == 0 && count < most;
       result = bpf_map_get_next_key(map, key.data(), next.data())) {
    ++count;
    key = next;
  }
  return count < info.max_entries ? count : info.max_entries;
}

// Entries count against endpoints' quotas, each family by itself.
absl::Status AddFlows(const std::string& base, std::vector<TableFill>* out) {
  bpf_map_info info{};
  const absl::StatusOr<UniqueFd> usage = OpenPinned(base, "bh_usage", &info);
  if (!usage.ok()) return usage.status();
  if (info.value_size != sizeof(bh_usage)) return absl::FailedPreconditionError("bh_usage has another layout");
  const auto used = std::make_unique<bh_usage>();
  const uint32_t zero = 0;
  if (bpf_map_lookup_elem(usage->get(), &zero, used.get()) != 0) return absl::ErrnoToStatus(errno, "reading bh_usage");
  for (const int family : {0, 1}) {
    const absl::StatusOr<UniqueFd> flows = OpenPinned(base, family == 0 ? "bh_flows4" : "bh_flows6", &info);
    if (!flows.ok()) return flows.status();
    TableFill fill{family == 0 ? "flows_ipv4" : "flows_ipv6", 0, uint64_t{info.max_entries} * BH_GROUP_SLOTS};
    for (const auto& endpoint : used->flows) fill.used += endpoint[family];
    out->push_back(fill);
  }
  return absl::OkStatus();
}

// The prefix tables of policy are one for each policy slot: the fullest one counts.
absl::StatusOr<TableFill> CountOne(const std::string& base, const char* table, const std::string& map) {
  TableFill out{table};
  const bool by_slot = map.ends_with('_');
  for (unsigned slot = 0; slot < (by_slot ? BH_POLICY_SLOTS : 1u); ++slot) {
    bpf_map_info info{};
    const absl::StatusOr<UniqueFd> fd = OpenPinned(base, by_slot ? absl::StrCat(map, slot) : map, &info);
    if (!fd.ok()) return fd.status();
    out.used = std::max(out.used, CountKeys(fd->get(), info));
    out.capacity = info.max_entries;
    out.gives_way = info.type == BPF_MAP_TYPE_LRU_HASH;
  }
  return out;
}

}  // namespace

absl::StatusOr<std::vector<TableFill>> CountTables(std::string_view root) {
  const std::string base = PinBase(root);
  std::vector<TableFill> out;
  if (absl::Status status = AddFlows(base, &out); !status.ok()) return status;
  for (const auto& [table, map] : kCounted) {
    absl::StatusOr<TableFill> fill = CountOne(base, table, map);
    if (absl::IsNotFound(fill.status())) continue;
    if (!fill.ok()) return fill.status();
    out.push_back(*std::move(fill));
  }
  return out;
}

}  // namespace bulkhead

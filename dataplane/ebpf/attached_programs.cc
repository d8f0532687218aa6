// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/attached_programs.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/kernel/links.h"
#include "dataplane/kernel/tc.h"

namespace bulkhead {
namespace {

constexpr TcDirection kHooks[] = {TcDirection::kIngress, TcDirection::kEgress};

std::string HookName(TcDirection hook) { return hook == TcDirection::kIngress ? "ingress" : "egress"; }

// The number of the program that a record says is at this hook; nullopt: there is none.
absl::StatusOr<std::optional<uint32_t>> ProgramAt(NetlinkSocket& socket, uint32_t ifindex, TcDirection hook,
                                                  const AttachmentRecord& record, const std::string& base) {
  if (record.mode == AttachMode::kTcx) {
    const UniqueFd link(bpf_obj_get(absl::StrCat(base, "/links/", ifindex, "_", HookName(hook)).c_str()));
    if (!link.ok()) return std::nullopt;
    const auto info = ReadLinkInfo(link.get());
    if (!info.ok()) return info.status();
    return info->ifindex == ifindex ? std::optional(info->program_id) : std::nullopt;
  }
  const auto filters = DumpFilters(socket, ifindex);
  if (!filters.ok()) return filters.status();
  for (const TcFilter& filter : *filters) {
    const bool at_our_place = filter.priority == kFilterPriority && filter.handle == kFilterHandle && filter.kind == "bpf";
    if (filter.direction == hook && at_our_place) return std::optional(filter.program_id);
  }
  return std::nullopt;
}

// Names of the maps of ours that it uses though others are pinned. The kernel cuts names after 15 characters, which leaves them apart.
std::string Strangers(const ProgramFacts& program, const std::set<uint32_t>& pinned) {
  std::string out;
  for (const uint32_t id : program.maps) {
    if (pinned.contains(id)) continue;
    const UniqueFd map(bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    uint32_t size = sizeof(info);
    if (!map.ok() || bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0 || !absl::StartsWith(info.name, "bh_")) continue;
    absl::StrAppend(&out, out.empty() ? "" : ", ", info.name);
  }
  return out;
}

}  // namespace

absl::StatusOr<ProgramFacts> ReadProgram(int program) {
  ProgramFacts facts;
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(program, &info, &size) != 0) return absl::ErrnoToStatus(errno, "asking about a program");
  facts.maps.resize(info.nr_map_ids);
  bpf_prog_info again{};
  again.nr_map_ids = info.nr_map_ids;
  again.map_ids = reinterpret_cast<uintptr_t>(facts.maps.data());
  size = sizeof(again);
  if (bpf_obj_get_info_by_fd(program, &again, &size) != 0) return absl::ErrnoToStatus(errno, "asking about a program");
  facts.tag = absl::BytesToHexString(std::string(reinterpret_cast<const char*>(info.tag), sizeof(info.tag)));
  return facts;
}

absl::StatusOr<bool> HasPrograms(NetlinkSocket& socket, uint32_t ifindex, const AttachmentRecord& record, const std::string& base) {
  for (const TcDirection hook : kHooks) {
    const auto id = ProgramAt(socket, ifindex, hook, record, base);
    if (!id.ok()) return id.status();
    if (!*id) return false;
  }
  return true;
}

absl::StatusOr<ProgramsFound> FindPrograms(const AttachmentRecords& records, const ProgramsWanted& wanted) {
  auto socket = NetlinkSocket::Open();
  if (!socket.ok()) return socket.status();
  const auto links = DumpLinks(*socket);
  if (!links.ok()) return links.status();
  std::map<uint32_t, std::string> names;
  for (const Link& link : *links) names[link.ifindex] = link.name;
  ProgramsFound found;
  for (const auto& [ifindex, record] : records) {
    const auto name = names.find(ifindex);
    if (name == names.end()) continue;
    ++found.interfaces;
    bool other = false;
    for (const TcDirection hook : kHooks) {
      const std::string where = absl::StrCat("interface ", name->second, ", ", HookName(hook));
      const auto id = ProgramAt(*socket, ifindex, hook, record, wanted.base);
      if (!id.ok()) return id.status();
      const UniqueFd fd(*id ? bpf_prog_get_fd_by_id(**id) : -1);
      if (!fd.ok()) {
        found.wrong.push_back(where + ": the program that was there is gone");
        continue;
      }
      const auto program = ReadProgram(fd.get());
      if (!program.ok()) return program.status();
      const std::string strangers = Strangers(*program, wanted.maps);
      if (!strangers.empty()) found.wrong.push_back(absl::StrCat(where, ": its program uses maps that are not pinned: ", strangers));
      other |= program->tag != wanted.tags[hook == TcDirection::kIngress ? 0 : 1];
    }
    found.other_build += other ? 1 : 0;
  }
  return found;
}

}  // namespace bulkhead

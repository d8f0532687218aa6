// SPDX-License-Identifier: Apache-2.0
#include "controlplane/doctor/attachments.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/ebpf/attach.h"
#include "dataplane/ebpf/loader.h"
#include "dataplane/kernel/links.h"
#include "dataplane/kernel/tc.h"

namespace bulkhead::doctor {
namespace {

constexpr int kTcxHooks[] = {46, 47};  // BPF_TCX_INGRESS, BPF_TCX_EGRESS of linux/bpf.h 6.6
constexpr size_t kMostShown = 5;

UniqueFd OpenPinnedMap(const std::string& path) {
  struct bpf_obj_get_opts options = {};
  options.sz = sizeof(options);
  options.file_flags = BPF_F_RDONLY;
  return UniqueFd(bpf_obj_get_opts(path.c_str(), &options));
}

uint32_t MapIdOf(const UniqueFd& map) {
  bpf_map_info info{};
  uint32_t size = sizeof(info);
  return map.ok() && bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0 ? info.id : 0;
}

std::string ProgramName(uint32_t id, std::vector<uint32_t>* maps) {
  const UniqueFd program(bpf_prog_get_fd_by_id(id));
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  maps->assign(64, 0);
  info.nr_map_ids = static_cast<uint32_t>(maps->size());
  info.map_ids = reinterpret_cast<uint64_t>(maps->data());
  if (!program.ok() || bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) return "";
  maps->resize(std::min<size_t>(info.nr_map_ids, maps->size()));
  return info.name;
}

// Ours are called bh_...
AttachedProgram ProgramOf(uint32_t id, const std::string& filter, uint32_t our_map) {
  std::vector<uint32_t> maps;
  AttachedProgram out;
  out.name = ProgramName(id, &maps);
  out.ours = out.name.starts_with("bh_");
  out.our_maps = our_map != 0 && std::find(maps.begin(), maps.end(), our_map) != maps.end();
  if (out.name.empty()) out.name = filter.empty() ? absl::StrCat("program ", id) : filter;
  return out;
}

void AddTcx(uint32_t ifindex, uint32_t our_map, InterfaceFacts* out) {
  for (const int hook : kTcxHooks) {
    std::array<uint32_t, 64> ids{};
    uint32_t count = ids.size();
    if (bpf_prog_query(static_cast<int>(ifindex), static_cast<bpf_attach_type>(hook), 0, nullptr, ids.data(), &count) != 0) continue;
    for (uint32_t i = 0; i < std::min<uint32_t>(count, ids.size()); ++i) {
      (hook == kTcxHooks[0] ? out->ingress : out->egress).push_back(ProgramOf(ids[i], "", our_map));
    }
  }
}

std::string ForeignXdp(uint32_t ifindex, uint32_t our_map) {
  uint32_t id = 0;
  if (bpf_xdp_query_id(static_cast<int>(ifindex), 0, &id) != 0 || id == 0) return "";
  const AttachedProgram program = ProgramOf(id, "", our_map);
  return program.ours ? "" : program.name;
}

// What is wrong with one hook; empty: nothing.
std::string HookProblem(const std::vector<AttachedProgram>& programs, const char* hook) {
  const auto ours = std::find_if(programs.begin(), programs.end(), [](const AttachedProgram& program) { return program.ours; });
  if (ours == programs.end()) return absl::StrCat("no program of ours at ", hook);
  if (!ours->our_maps) return absl::StrCat("the program at ", hook, " uses other maps than those that are pinned");
  if (ours != programs.begin()) return absl::StrCat(programs.front().name, " comes before ours at ", hook);
  return "";
}

std::string Shown(const std::vector<std::string>& lines) {
  const size_t shown = std::min(lines.size(), kMostShown);
  std::string out = absl::StrJoin(lines.begin(), lines.begin() + static_cast<ptrdiff_t>(shown), "; ");
  if (lines.size() > shown) absl::StrAppend(&out, "; and ", lines.size() - shown, " more");
  return out;
}

}  // namespace

absl::StatusOr<std::vector<InterfaceFacts>> ReadAttachments(const Config& config) {
  absl::StatusOr<NetlinkSocket> socket = NetlinkSocket::Open();
  if (!socket.ok()) return socket.status();
  const absl::StatusOr<std::vector<Link>> links = DumpLinks(*socket);
  if (!links.ok()) return links.status();
  const std::string base = PinBase(config.pin_root);
  const uint32_t our_map = MapIdOf(OpenPinnedMap(base + "/maps/bh_control"));
  const UniqueFd records = OpenPinnedMap(absl::StrCat(base, "/", kAttachmentsMap));
  std::vector<InterfaceFacts> out;
  for (const Link& link : *links) {
    if (link.kind != "veth" || !link.link_nsid) continue;
    InterfaceFacts facts;
    facts.name = link.name;
    AttachmentRecord record;
    facts.recorded = records.ok() && bpf_map_lookup_elem(records.get(), &link.ifindex, &record) == 0;
    AddTcx(link.ifindex, our_map, &facts);
    const absl::StatusOr<std::vector<TcFilter>> filters = DumpFilters(*socket, link.ifindex);
    if (!filters.ok()) return filters.status();
    for (const TcFilter& filter : *filters) {
      auto& programs = filter.direction == TcDirection::kIngress ? facts.ingress : facts.egress;
      programs.push_back(ProgramOf(filter.program_id, filter.name.empty() ? filter.kind : filter.name, our_map));
    }
    facts.xdp = ForeignXdp(link.ifindex, our_map);
    out.push_back(std::move(facts));
  }
  return out;
}

void CheckAttachments(const absl::StatusOr<std::vector<InterfaceFacts>>& facts, Findings* findings) {
  constexpr char kCheck[] = "attachments";
  if (!facts.ok()) {
    findings->Fail(kCheck, std::string(facts.status().message()), "run as root in the host's network namespace");
    return;
  }
  size_t held = 0;
  std::vector<std::string> broken, free;
  for (const InterfaceFacts& interface : *facts) {
    if (!interface.recorded) {
      free.push_back(interface.name);
      continue;
    }
    std::string problem = HookProblem(interface.ingress, "ingress");
    if (problem.empty()) problem = HookProblem(interface.egress, "egress");
    if (problem.empty() && !interface.xdp.empty()) problem = absl::StrCat("XDP program ", interface.xdp, " comes before ours");
    if (problem.empty()) {
      ++held;
    } else {
      broken.push_back(absl::StrCat(interface.name, ": ", problem));
    }
  }
  if (!broken.empty()) {
    findings->Fail(kCheck, Shown(broken), "restart bulkheadd: it puts its programs back; remove what comes before them");
  }
  if (!free.empty()) {
    findings->Warn("unmanaged interfaces", absl::StrCat(free.size(), " of workloads without our programs: ", Shown(free)),
                   "start bulkheadd, and see the reasons in bulkhead status");
  }
  if (broken.empty()) findings->Ok(kCheck, absl::StrCat(held, held == 1 ? " interface" : " interfaces", " with both programs and the right maps"));
}

}  // namespace bulkhead::doctor

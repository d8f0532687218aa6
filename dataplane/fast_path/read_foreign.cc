// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "dataplane/fast_path/read.h"
#include "dataplane/kernel/tc.h"
#include "dataplane/kernel/unique_fd.h"

namespace bulkhead::fast_path {
namespace {

// enum bpf_attach_type of linux/bpf.h 6.6.
constexpr std::pair<int, const char*> kTcxHooks[] = {{46, "ingress"}, {47, "egress"}};
constexpr uint32_t kMostPrograms = 64;  // at one hook, as the kernel has it (BPF_MPROG_MAX)

// With neither a queue nor a class: nothing that a packet could wait in or be dropped by.
bool IsHarmless(const std::string& kind) { return kind == "noqueue" || kind == "noop" || kind == "clsact" || kind == "ingress"; }

std::string ForeignFilter(NetlinkSocket& socket, uint32_t ifindex) {
  const auto filters = DumpFilters(socket, ifindex);
  if (!filters.ok()) return "tc filters that cannot be read";
  for (const TcFilter& filter : *filters) {
    if (filter.kind == "bpf" && filter.priority == kFilterPriority && filter.handle == kFilterHandle) continue;
    return absl::StrCat("tc filter ", filter.name.empty() ? filter.kind : filter.name, " at ",
                        filter.direction == TcDirection::kIngress ? "ingress" : "egress");
  }
  return "";
}

// Ours are called bh_...; a name proves nothing, but who may load programs may do all this without one.
bool IsOurs(uint32_t id, std::string& name) {
  const UniqueFd program(bpf_prog_get_fd_by_id(id));
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  if (!program.ok() || bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) return false;
  name = info.name;
  return name == "bh_ingress" || name == "bh_egress";
}

std::string ForeignTcx(uint32_t ifindex) {
  for (const auto& [hook, at] : kTcxHooks) {
    std::array<uint32_t, kMostPrograms> ids{};
    uint32_t count = kMostPrograms;
    // The target is an interface where the call says a file descriptor. Kernels before 6.6 know no such hook.
    if (bpf_prog_query(static_cast<int>(ifindex), static_cast<bpf_attach_type>(hook), 0, nullptr, ids.data(), &count) != 0) {
      if (errno == EINVAL || errno == ENOENT) continue;
      return "tcx programs that cannot be read";
    }
    for (uint32_t i = 0; i < count && i < kMostPrograms; ++i) {
      std::string name;
      if (!IsOurs(ids[i], name)) return absl::StrCat("tcx program ", name, " at ", at);
    }
  }
  return "";
}

// Queueing disciplines that shape, queue or share filters, by interface.
absl::StatusOr<std::map<uint32_t, std::string>> ForeignQdiscs(NetlinkSocket& socket) {
  std::map<uint32_t, std::string> out;
  NetlinkRequest request(RTM_GETQDISC, 0);
  request.AddHeader(tcmsg{});
  const absl::Status status = socket.Dump(request, [&] { out.clear(); }, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(&message) < sizeof(tcmsg)) return;
    const auto* header = static_cast<const tcmsg*>(mnl_nlmsg_get_payload(&message));
    const auto attributes = AttributesOf<TCA_EGRESS_BLOCK>(message, sizeof(tcmsg));
    const std::string kind = StringOf(attributes[TCA_KIND]);
    const bool shares = U32Or(attributes[TCA_INGRESS_BLOCK], 0) != 0 || U32Or(attributes[TCA_EGRESS_BLOCK], 0) != 0;
    if (!IsHarmless(kind) || shares) {
      out.emplace(static_cast<uint32_t>(header->tcm_ifindex), absl::StrCat(shares ? "shared tc filters of qdisc " : "qdisc ", kind));
    }
  });
  if (!status.ok()) return status;
  return out;
}

}  // namespace

absl::Status ReadForeign(NetlinkSocket& socket, const std::set<uint32_t>& wanted, Facts& facts) {
  const auto qdiscs = ForeignQdiscs(socket);
  if (!qdiscs.ok()) return qdiscs.status();
  const auto look = [&](uint32_t ifindex, std::string& foreign) {
    if (!foreign.empty()) return;
    foreign = ForeignFilter(socket, ifindex);
    if (foreign.empty()) foreign = ForeignTcx(ifindex);
    if (const auto at = qdiscs->find(ifindex); foreign.empty() && at != qdiscs->end()) foreign = at->second;
  };
  std::set<uint32_t> bridges;
  for (auto& [ifindex, port] : facts.ports) {
    if (!wanted.contains(ifindex)) continue;
    look(ifindex, port.foreign);
    bridges.insert(port.bridge);
  }
  for (const uint32_t ifindex : bridges) {
    if (const auto at = facts.bridges.find(ifindex); at != facts.bridges.end()) look(ifindex, at->second.foreign);
  }
  return absl::OkStatus();
}

}  // namespace bulkhead::fast_path

// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/tc.h"

#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <utility>

namespace bulkhead {
namespace {

// A filter with handle 0 is the head of a priority, not a filter that packets meet.
bool ParseFilter(const nlmsghdr& message, TcFilter& filter) {
  if (message.nlmsg_type != RTM_NEWTFILTER || mnl_nlmsg_get_payload_len(&message) < sizeof(tcmsg)) return false;
  const auto* header = static_cast<const tcmsg*>(mnl_nlmsg_get_payload(&message));
  if (header->tcm_handle == 0) return false;
  const auto attributes = AttributesOf<TCA_OPTIONS>(message, sizeof(tcmsg));
  filter.kind = StringOf(attributes[TCA_KIND]);
  filter.priority = TC_H_MAJ(header->tcm_info) >> 16;
  filter.handle = header->tcm_handle;
  if (filter.kind == "bpf" && attributes[TCA_OPTIONS] != nullptr) {
    const auto options = AttributesOf<TCA_BPF_MAX>(*attributes[TCA_OPTIONS]);
    filter.name = StringOf(options[TCA_BPF_NAME]);
    filter.program_id = U32Or(options[TCA_BPF_ID], 0);
  }
  return true;
}

}  // namespace

absl::StatusOr<std::vector<TcFilter>> DumpFilters(NetlinkSocket& socket, uint32_t ifindex) {
  std::vector<TcFilter> filters;
  for (const TcDirection direction : {TcDirection::kIngress, TcDirection::kEgress}) {
    const size_t before = filters.size();
    tcmsg header{};
    header.tcm_family = AF_UNSPEC;
    header.tcm_ifindex = static_cast<int>(ifindex);
    header.tcm_parent = TC_H_MAKE(TC_H_CLSACT, direction == TcDirection::kIngress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
    NetlinkRequest request(RTM_GETTFILTER, 0);
    request.AddHeader(header);
    const absl::Status status = socket.Dump(
        request, [&] { filters.resize(before); },
        [&](const nlmsghdr& message) {
          TcFilter filter;
          filter.ifindex = ifindex;
          filter.direction = direction;
          if (ParseFilter(message, filter)) filters.push_back(std::move(filter));
        });
    // EINVAL: the interface has no clsact.
    if (!status.ok() && !absl::IsNotFound(status) && !absl::IsInvalidArgument(status)) return status;
  }
  return filters;
}

absl::StatusOr<bool> HasClsact(NetlinkSocket& socket, uint32_t ifindex) {
  tcmsg header{};
  header.tcm_ifindex = static_cast<int>(ifindex);
  header.tcm_parent = TC_H_CLSACT;
  NetlinkRequest request(RTM_GETQDISC, NLM_F_ECHO);  // without it the answer goes to the listeners of RTNLGRP_TC only
  request.AddHeader(header);
  bool found = false;
  const absl::Status status = socket.Talk(request, [&](const nlmsghdr& message) {
    if (mnl_nlmsg_get_payload_len(&message) < sizeof(tcmsg)) return;
    found = StringOf(AttributesOf<TCA_KIND>(message, sizeof(tcmsg))[TCA_KIND]) == "clsact";
  });
  // An interface that never had one: ENOENT; none any more: EINVAL, since a placeholder stands there (net/sched/sch_api.c).
  if (!status.ok() && !absl::IsNotFound(status) && !absl::IsInvalidArgument(status)) return status;
  return found;
}

}  // namespace bulkhead

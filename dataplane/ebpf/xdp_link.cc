// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/xdp_link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "dataplane/ebpf/attach.h"

namespace bulkhead {

absl::Status PutXdpLink(KernelWriter& writer, const std::string& path, uint32_t ifindex, XdpMode mode, int program,
                        uint32_t program_id) {
  UniqueFd link(bpf_obj_get(path.c_str()));
  if (link.ok()) {
    const auto info = ReadLinkInfo(link.get());
    if (!info.ok()) return info.status();
    if (info->type == BPF_LINK_TYPE_XDP && info->ifindex == ifindex) {
      if (auto status = writer.UpdateLink(link.get(), program); !status.ok()) return status;
    } else {
      if (auto status = writer.Unpin(path); !status.ok()) return status;
      link = UniqueFd();
    }
  }
  if (!link.ok()) {
    auto created = writer.CreateXdpLink(ifindex, mode, program);
    if (!created.ok()) return created.status();
    if (auto status = writer.Pin(created->get(), path); !status.ok()) return status;
    link = *std::move(created);
  }
  const auto info = ReadLinkInfo(link.get());
  if (!info.ok()) return info.status();
  if (info->ifindex == ifindex && info->program_id == program_id) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("interface ", ifindex, " does not have the XDP program that was attached"));
}

absl::Status RemoveLink(KernelWriter& writer, const std::string& path) {
  const UniqueFd link(bpf_obj_get(path.c_str()));
  if (!link.ok()) return errno == ENOENT ? absl::OkStatus() : absl::ErrnoToStatus(errno, path);
  // A link that has lost its interface cannot be detached, and need not be.
  const absl::Status detached = writer.DetachLink(link.get());
  if (!detached.ok() && ReadLinkInfo(link.get()).value_or(LinkInfo{}).ifindex != 0) return detached;
  return writer.Unpin(path);
}

absl::StatusOr<XdpMode> ReadXdpMode(uint32_t ifindex, uint32_t program_id) {
  bpf_xdp_query_opts options{};
  options.sz = sizeof(options);
  if (bpf_xdp_query(static_cast<int>(ifindex), 0, &options) != 0) return absl::ErrnoToStatus(errno, "asking about XDP");
  if (options.drv_prog_id == program_id) return XdpMode::kNative;
  if (options.skb_prog_id == program_id) return XdpMode::kGeneric;
  return absl::NotFoundError(absl::StrCat("interface ", ifindex, " does not run XDP program ", program_id));
}

}  // namespace bulkhead

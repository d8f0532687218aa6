// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/attach.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "dataplane/ebpf/xdp_link.h"
#include "dataplane/kernel/bpf_map.h"
#include "dataplane/kernel/tc.h"

namespace bulkhead {
namespace {

constexpr TcDirection kDirections[] = {TcDirection::kIngress, TcDirection::kEgress};

bool AtOurPlace(const TcFilter& filter) {
  return filter.kind == "bpf" && filter.priority == kFilterPriority && filter.handle == kFilterHandle;
}

absl::Status ReadBack(NetlinkSocket& socket, uint32_t ifindex, const ZonePrograms& programs) {
  const auto filters = DumpFilters(socket, ifindex);
  if (!filters.ok()) return filters.status();
  for (const TcDirection direction : kDirections) {
    const uint32_t wanted = direction == TcDirection::kIngress ? programs.ingress_id : programs.egress_id;
    const bool there = std::any_of(filters->begin(), filters->end(), [&](const TcFilter& filter) {
      return filter.direction == direction && AtOurPlace(filter) && filter.program_id == wanted;
    });
    if (!there) return absl::InternalError(absl::StrCat("interface ", ifindex, " does not have the program that was attached"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LinkInfo> ReadLinkInfo(int link) {
  bpf_link_info info{};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(link, &info, &size) != 0) return absl::ErrnoToStatus(errno, "asking about a link");
  // Older headers have no `tcx` member; its ifindex is the first field, like that of `xdp` (linux/bpf.h, struct bpf_link_info).
  return LinkInfo{info.type, info.prog_id, info.xdp.ifindex};
}

absl::StatusOr<std::unique_ptr<Attacher>> Attacher::Open(KernelWriter& writer, const std::string& base, AttachMode mode) {
  std::unique_ptr<Attacher> attacher(new Attacher(writer, base, mode));
  const std::string path = absl::StrCat(base, "/", kAttachmentsMap);
  attacher->records_ = UniqueFd(bpf_obj_get(path.c_str()));
  if (attacher->records_.ok()) return attacher;
  if (errno != ENOENT) return absl::ErrnoToStatus(errno, path);
  auto map = writer.CreateMap(BPF_MAP_TYPE_HASH, kAttachmentsMap, sizeof(uint32_t), sizeof(AttachmentRecord), kMaxAttachments, 0);
  if (!map.ok()) return map.status();
  if (auto status = writer.Pin(map->get(), path); !status.ok()) return status;
  attacher->records_ = *std::move(map);
  return attacher;
}

std::string Attacher::LinkPath(uint32_t ifindex, TcDirection direction) const {
  return absl::StrCat(base_, "/links/", ifindex, direction == TcDirection::kIngress ? "_ingress" : "_egress");
}

AttachmentRecord Attacher::RecordOf(uint32_t ifindex) const {
  return ReadElement<uint32_t, AttachmentRecord>(records_.get(), ifindex).value_or(AttachmentRecord{});
}

absl::Status Attacher::Record(uint32_t ifindex, const AttachmentRecord& record) {
  return writer_.UpdateElement(records_.get(), &ifindex, &record);
}

absl::StatusOr<std::vector<std::pair<uint32_t, AttachmentRecord>>> Attacher::Records() const {
  std::vector<std::pair<uint32_t, AttachmentRecord>> out;
  const absl::Status status = ForEachByKey<uint32_t, AttachmentRecord>(
      records_.get(), [&](uint32_t ifindex, const AttachmentRecord& record) { out.emplace_back(ifindex, record); });
  if (!status.ok()) return status;
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return out;
}

absl::Status Attacher::Note(uint32_t ifindex, const AttachmentRecord& record) {
  const absl::Status status = writer_.UpdateElement(records_.get(), &ifindex, &record, BPF_NOEXIST);
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
}

absl::Status Attacher::Attach(uint32_t ifindex, uint16_t zone, const ZonePrograms& programs, AttachPart part) {
  auto socket = NetlinkSocket::Open();
  if (!socket.ok()) return socket.status();
  AttachmentRecord record = RecordOf(ifindex);
  record.zone = zone;
  record.mode = mode_;
  if (part == AttachPart::kIngress) {
    return mode_ == AttachMode::kClsact ? AttachClsact(*socket, ifindex, record, programs, part) : AttachTcx(ifindex, record, programs, part);
  }
  // The new ones first, then the other mode's are taken off: never none.
  if (mode_ == AttachMode::kClsact) {
    if (auto status = AttachClsact(*socket, ifindex, record, programs, part); !status.ok()) return status;
    if (auto status = DetachTcx(ifindex); !status.ok()) return status;
  } else {
    if (auto status = AttachTcx(ifindex, record, programs, part); !status.ok()) return status;
    if (auto status = DetachClsact(*socket, ifindex); !status.ok()) return status;
  }
  return SyncXdp(ifindex, programs);
}

// Last: until then, and if it cannot be, the tc programs judge what has no mark.
absl::Status Attacher::SyncXdp(uint32_t ifindex, const ZonePrograms& programs) {
  const std::string path = absl::StrCat(base_, "/links/", ifindex, "_xdp");
  if (programs.xdp < 0) {
    const std::lock_guard<std::mutex> lock(mutex_);
    xdp_problems_.erase(ifindex);
    return RemoveLink(writer_, path);
  }
  const absl::Status status = PutXdpLink(writer_, path, ifindex, XdpMode::kNative, programs.xdp, programs.xdp_id);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (status.ok() || absl::IsNotFound(status)) {
    xdp_problems_.erase(ifindex);
    return status;
  }
  xdp_problems_[ifindex] = std::string(status.message());
  return absl::OkStatus();
}

std::map<uint32_t, std::string> Attacher::XdpProblems() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return xdp_problems_;
}

absl::Status Attacher::AttachClsact(NetlinkSocket& socket, uint32_t ifindex, AttachmentRecord record,
                                    const ZonePrograms& programs, AttachPart part) {
  const auto there = HasClsact(socket, ifindex);
  if (!there.ok()) return there.status();
  // Recorded before it is done, so that an end between the two leaves nothing that nobody owns up to.
  if (!*there) record.own_clsact = 1;
  if (auto status = Record(ifindex, record); !status.ok()) return status;
  if (auto created = writer_.CreateClsact(ifindex); !created.ok()) return created.status();
  if (auto status = writer_.ReplaceFilter(ifindex, TcDirection::kIngress, programs.ingress); !status.ok()) return status;
  if (part == AttachPart::kIngress) return absl::OkStatus();
  if (auto status = writer_.ReplaceFilter(ifindex, TcDirection::kEgress, programs.egress); !status.ok()) return status;
  return ReadBack(socket, ifindex, programs);
}

absl::Status Attacher::AttachTcx(uint32_t ifindex, AttachmentRecord record, const ZonePrograms& programs, AttachPart part) {
  if (auto status = Record(ifindex, record); !status.ok()) return status;
  if (auto status = PutLink(ifindex, TcDirection::kIngress, programs.ingress, programs.ingress_id); !status.ok()) return status;
  if (part == AttachPart::kIngress) return absl::OkStatus();
  return PutLink(ifindex, TcDirection::kEgress, programs.egress, programs.egress_id);
}

// A pinned link of this interface gets the new program; one whose interface is gone (the number came back) makes room.
absl::Status Attacher::PutLink(uint32_t ifindex, TcDirection direction, int program, uint32_t program_id) {
  const std::string path = LinkPath(ifindex, direction);
  UniqueFd link(bpf_obj_get(path.c_str()));
  if (link.ok()) {
    const auto info = ReadLinkInfo(link.get());
    if (!info.ok()) return info.status();
    if (info->type == kLinkTypeTcx && info->ifindex == ifindex) {
      if (auto status = writer_.UpdateLink(link.get(), program); !status.ok()) return status;
    } else {
      if (auto status = writer_.Unpin(path); !status.ok()) return status;
      link = UniqueFd();
    }
  }
  if (!link.ok()) {
    auto created = writer_.CreateTcxLink(ifindex, direction, program);
    if (!created.ok()) return created.status();
    if (auto status = writer_.Pin(created->get(), path); !status.ok()) return status;
    link = *std::move(created);
  }
  const auto info = ReadLinkInfo(link.get());
  if (!info.ok()) return info.status();
  if (info->ifindex == ifindex && info->program_id == program_id) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("interface ", ifindex, " does not have the program that was attached"));
}

absl::Status Attacher::DetachTcx(uint32_t ifindex) {
  for (const TcDirection direction : kDirections) {
    if (auto status = RemoveLink(writer_, LinkPath(ifindex, direction)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Attacher::DetachClsact(NetlinkSocket& socket, uint32_t ifindex) {
  auto filters = DumpFilters(socket, ifindex);
  if (!filters.ok()) return filters.status();
  for (const TcFilter& filter : *filters) {
    if (!AtOurPlace(filter)) continue;
    const absl::Status status = writer_.DeleteFilter(ifindex, filter.direction);
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  AttachmentRecord record = RecordOf(ifindex);
  filters = DumpFilters(socket, ifindex);
  if (!filters.ok()) return filters.status();
  if (record.own_clsact == 0 || !filters->empty()) return absl::OkStatus();
  const auto there = HasClsact(socket, ifindex);
  if (!there.ok()) return there.status();
  if (*there) {
    if (auto status = writer_.DeleteClsact(ifindex); !status.ok()) return status;
  }
  record.own_clsact = 0;
  return Record(ifindex, record);
}

absl::Status Attacher::Detach(uint32_t ifindex) {
  auto socket = NetlinkSocket::Open();
  if (!socket.ok()) return socket.status();
  if (auto status = SyncXdp(ifindex, {}); !status.ok()) return status;
  if (auto status = DetachTcx(ifindex); !status.ok()) return status;
  if (auto status = DetachClsact(*socket, ifindex); !status.ok()) return status;
  const absl::Status status = writer_.DeleteElement(records_.get(), &ifindex);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace bulkhead

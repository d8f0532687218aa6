// SPDX-License-Identifier: Apache-2.0
// The half of EbpfBackend that deals with what an earlier process left: its own layout is adopted, another one is taken over from.
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/ebpf/attached_programs.h"
#include "dataplane/ebpf/ebpf_backend.h"
#include "dataplane/ebpf/older_layout.h"
#include "dataplane/kernel/bpffs.h"
#include "dataplane/kernel/links.h"

namespace bulkhead {
namespace {

EndpointState OnlyNumbers(const EndpointState& endpoint) {
  EndpointState out;
  out.slot = endpoint.slot;
  out.ifindex = endpoint.ifindex;
  out.zone = endpoint.zone;
  return out;
}

}  // namespace

absl::Status EbpfBackend::Adopt() {
  auto adopted = publisher_.Adopt();
  if (!adopted.ok()) return adopted.status();
  if (auto status = fast_ends_.Empty(); !status.ok()) return status;
  adopted_ = *std::move(adopted);
  for (const EndpointState& endpoint : adopted_.endpoints) {
    if (auto status = fast_ends_.Put(endpoint); !status.ok()) return status;
  }
  if (auto status = known_macs_.Adopt(adopted_.endpoints); !status.ok()) return status;
  return AdoptAttachments();
}

absl::Status EbpfBackend::NoteRepairs(const std::vector<std::pair<uint32_t, AttachmentRecord>>& records) {
  const ZonePrograms* ours = loader_->Loaded(0);  // the instructions are the same for all zones
  const auto ingress = ReadProgram(ours->ingress), egress = ReadProgram(ours->egress);
  if (!ingress.ok()) return ingress.status();
  if (!egress.ok()) return egress.status();
  auto found = FindPrograms(records, {base_, loader_->MapIds(), {ingress->tag, egress->tag}});
  if (!found.ok()) return found.status();
  adopted_.repaired = std::move(found->wrong);
  adopted_.other_build = found->other_build;
  return absl::OkStatus();
}

absl::Status EbpfBackend::AdoptAttachments() {
  auto socket = NetlinkSocket::Open();
  if (!socket.ok()) return socket.status();
  const auto links = DumpLinks(*socket);
  if (!links.ok()) return links.status();
  std::set<uint32_t> living;
  for (const Link& link : *links) living.insert(link.ifindex);
  const auto records = attacher_->Records();
  if (!records.ok()) return records.status();
  if (auto status = NoteRepairs(*records); !status.ok()) return status;
  std::vector<AdoptedAttachment> there;
  bool whole = false;
  for (const auto& [ifindex, record] : *records) {
    if (!living.contains(ifindex)) {
      if (auto status = Detach(ifindex); !status.ok() && !absl::IsNotFound(status)) return status;
      continue;
    }
    there.push_back({ifindex, record.zone});
    const auto both = HasPrograms(*socket, ifindex, record, base_);
    if (!both.ok()) return both.status();
    whole |= *both;
  }
  // Nowhere both: a first start ended before it was done. Whoever attaches to all interfaces begins again.
  if (!whole) return absl::OkStatus();
  adopted_.attachments = there;
  return AttachTogether(there);
}

absl::Status EbpfBackend::AttachTogether(const std::vector<AdoptedAttachment>& interfaces) {
  for (const AttachPart part : {AttachPart::kIngress, AttachPart::kAll}) {
    for (const AdoptedAttachment& interface : interfaces) {
      const auto programs = loader_->Programs(interface.zone);
      if (!programs.ok()) return programs.status();
      const absl::Status status = attacher_->Attach(interface.ifindex, interface.zone, *programs, part);
      if (!status.ok() && !absl::IsNotFound(status)) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status EbpfBackend::RemoveUnusedPrograms() {
  const std::string folder = base_ + "/programs";
  std::set<std::string> used = {absl::StrCat(folder, "/0")};
  for (const AdoptedAttachment& attachment : adopted_.attachments) used.insert(absl::StrCat(folder, "/", attachment.zone));
  std::vector<std::string> unused;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (!used.contains(entry.path())) unused.push_back(entry.path());
  }
  for (const std::string& zone : unused) {
    for (const std::string& path : ListTree(zone)) {
      const absl::Status status = path == zone ? writer_.RemoveDirectory(path) : writer_.Unpin(path);
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

// The older programs go on judging by the older maps. Nothing of ours is attached here.
absl::Status EbpfBackend::TakeOver() {
  const PinnedLayout& from = plan_.from;
  if (from.version == 0) return absl::OkStatus();
  adopted_.older_version = from.version;
  adopted_.carried.assign(loader_->carried().begin(), loader_->carried().end());
  auto endpoints = ReadOlderEndpoints(from.base);
  if (endpoints.ok()) {
    adopted_.endpoints = *std::move(endpoints);
  } else {
    adopted_.repaired.push_back(absl::StrCat("who lived where is not carried over: ", std::string(endpoints.status().message())));
  }
  if (plan_.kind == StartKind::kReset) {
    // Their numbers alone: packets on their way carry them from interface to interface.
    for (EndpointState& endpoint : adopted_.endpoints) endpoint = OnlyNumbers(endpoint);
  }
  auto socket = NetlinkSocket::Open();
  if (!socket.ok()) return socket.status();
  const auto links = DumpLinks(*socket);
  if (!links.ok()) return links.status();
  const auto records = ReadOlderAttachments(from.base);
  if (!records.ok()) return records.status();
  for (const Link& link : *links) {
    const auto record = records->find(link.ifindex);
    if (record == records->end()) continue;
    if (auto status = attacher_->Note(link.ifindex, record->second); !status.ok()) return status;
    adopted_.older_interfaces.insert(link.ifindex);
  }
  return MoveLinks(writer_, from.base, base_);
}

absl::Status EbpfBackend::FinishUpgrade() {
  for (const std::string& base : plan_.others) {
    if (auto status = RemoveLayout(writer_, base); !status.ok()) return status;
  }
  plan_.others.clear();
  return absl::OkStatus();
}

}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
// Attacher: puts programs on the two tc hooks of an interface, and keeps a record of where, pinned beside the maps, that a later
// process can read. clsact filters and pinned tcx links both outlive this process and are replaced without a moment of none.
// If there is an XDP program (native, pinned link), it comes in front of ingress; where the interface cannot run it, ingress judges.
//
// Works in the network namespace of the calling thread. Thread safety: one interface by one thread at a time.
#ifndef BULKHEAD_DATAPLANE_EBPF_ATTACH_H_
#define BULKHEAD_DATAPLANE_EBPF_ATTACH_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/ebpf/attachment_record.h"
#include "dataplane/ebpf/loader.h"
#include "dataplane/kernel/kernel_writer.h"
#include "dataplane/kernel/netlink.h"
#include "dataplane/kernel/unique_fd.h"

namespace bulkhead {

// Ingress alone: for interfaces that get their programs together (EbpfBackend::AttachTogether).
enum class AttachPart : uint8_t { kIngress, kAll };

class Attacher {
 public:
  // base: PinBase(root). Opens or creates the record.
  static absl::StatusOr<std::unique_ptr<Attacher>> Open(KernelWriter& writer, const std::string& base, AttachMode mode);

  // Idempotent; also replaces programs of an earlier build, and those of the other mode. Reads back that the kernel has exactly
  // these. kNotFound: no such interface.
  absl::Status Attach(uint32_t ifindex, uint16_t zone, const ZonePrograms& programs, AttachPart part = AttachPart::kAll);
  // Takes off whatever is ours, and a clsact that we added and nobody else uses. An interface that is gone is fine.
  absl::Status Detach(uint32_t ifindex);

  absl::StatusOr<std::vector<std::pair<uint32_t, AttachmentRecord>>> Records() const;
  // Notes what an older layout's record says of an interface, unless there is a record already.
  absl::Status Note(uint32_t ifindex, const AttachmentRecord& record);
  // Where the XDP program that was asked for cannot be, and why: ingress judges there. Any thread.
  std::map<uint32_t, std::string> XdpProblems() const;

 private:
  Attacher(KernelWriter& writer, std::string base, AttachMode mode) : writer_(writer), base_(std::move(base)), mode_(mode) {}

  absl::Status AttachClsact(NetlinkSocket& socket, uint32_t ifindex, AttachmentRecord record, const ZonePrograms& programs,
                            AttachPart part);
  absl::Status AttachTcx(uint32_t ifindex, AttachmentRecord record, const ZonePrograms& programs, AttachPart part);
  absl::Status DetachClsact(NetlinkSocket& socket, uint32_t ifindex);
  absl::Status DetachTcx(uint32_t ifindex);
  absl::Status SyncXdp(uint32_t ifindex, const ZonePrograms& programs);
  absl::Status PutLink(uint32_t ifindex, TcDirection direction, int program, uint32_t program_id);
  AttachmentRecord RecordOf(uint32_t ifindex) const;
  absl::Status Record(uint32_t ifindex, const AttachmentRecord& record);
  std::string LinkPath(uint32_t ifindex, TcDirection direction) const;

  KernelWriter& writer_;
  std::string base_;
  AttachMode mode_;
  UniqueFd records_;
  mutable std::mutex mutex_;
  std::map<uint32_t, std::string> xdp_problems_;  // guarded by mutex_
};

// What the file descriptor of a BPF link says. type: enum bpf_link_type; ifindex: of a tcx link, 0 when its interface is gone.
struct LinkInfo {
  uint32_t type = 0, program_id = 0, ifindex = 0;
};
inline constexpr uint32_t kLinkTypeTcx = 11;
absl::StatusOr<LinkInfo> ReadLinkInfo(int link);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_ATTACH_H_

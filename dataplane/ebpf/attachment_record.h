// SPDX-License-Identifier: Apache-2.0
// The record of where programs are, which stays in the kernel with them. Values; any thread.
#ifndef BULKHEAD_DATAPLANE_EBPF_ATTACHMENT_RECORD_H_
#define BULKHEAD_DATAPLANE_EBPF_ATTACHMENT_RECORD_H_

#include <cstdint>

namespace bulkhead {

enum class AttachMode : uint8_t { kClsact = 0, kTcx = 1 };

// Value of the map bh_attachments, by ifindex (u32). Only user space uses it.
struct AttachmentRecord {
  uint16_t zone = 0;
  AttachMode mode = AttachMode::kClsact;
  uint8_t own_clsact = 0;  // 1: the clsact qdisc was added by us

  bool operator==(const AttachmentRecord&) const = default;
};
static_assert(sizeof(AttachmentRecord) == 4);

inline constexpr char kAttachmentsMap[] = "bh_attachments";
inline constexpr uint32_t kMaxAttachments = 4096;

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_ATTACHMENT_RECORD_H_

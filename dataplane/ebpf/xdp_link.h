// SPDX-License-Identifier: Apache-2.0
// Pinned XDP links. Thread safety: plain functions; one interface by one thread at a time.
#ifndef BULKHEAD_DATAPLANE_EBPF_XDP_LINK_H_
#define BULKHEAD_DATAPLANE_EBPF_XDP_LINK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

// Makes the pinned link of that path lead to the program; makes it anew if there is none, or it has lost its interface. A link that is
// there keeps its mode. Reads back that the kernel runs the program. Errors as KernelWriter::CreateXdpLink.
absl::Status PutXdpLink(KernelWriter& writer, const std::string& path, uint32_t ifindex, XdpMode mode, int program,
                        uint32_t program_id);

// Detaches and unpins a link of any kind; none at that path is fine.
absl::Status RemoveLink(KernelWriter& writer, const std::string& path);

// How the interface runs that program. kNotFound: it does not.
absl::StatusOr<XdpMode> ReadXdpMode(uint32_t ifindex, uint32_t program_id);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_XDP_LINK_H_

// SPDX-License-Identifier: Apache-2.0
// What a start takes over from a layout that is not its own.
//
// - Maps whose shape and meaning are still the same are taken as they are: the programs of both layouts use them until those of the
//   older one are gone. Flows are among them if possible; else TCP is picked up in the middle, and other protocols begin anew.
// - Who lives behind which interface is read by the names of the fields, which the kernel keeps with each map (BTF), and written anew.
//   Slots stay: packets carry them from the programs of one interface to those of another, which may be of different layouts for a moment.
// - Policy, addresses and published ports come anew from where they always come from, before any program is replaced.
// Thread safety: plain functions.
#ifndef BULKHEAD_DATAPLANE_EBPF_OLDER_LAYOUT_H_
#define BULKHEAD_DATAPLANE_EBPF_OLDER_LAYOUT_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/backend.h"
#include "dataplane/ebpf/attachment_record.h"
#include "dataplane/ebpf/layouts.h"
#include "dataplane/kernel/kernel_writer.h"
#include "dataplane/kernel/unique_fd.h"

namespace bulkhead {

// The hash of the flow tables, and the last stamp.
struct OlderControl {
  uint32_t stamp = 0;
  std::vector<uint64_t> secret;
};
absl::StatusOr<OlderControl> ReadOlderControl(const std::string& base);

// Ascending by slot. kFailedPrecondition: its maps do not say what is needed.
absl::StatusOr<std::vector<EndpointState>> ReadOlderEndpoints(const std::string& base);

// Where its programs are, by ifindex.
absl::StatusOr<std::map<uint32_t, AttachmentRecord>> ReadOlderAttachments(const std::string& base);

// Its maps that mean the same in layout `version`, by name, open; without those of `fresh`. Whether they fit is for the loader to check.
std::map<std::string, UniqueFd, std::less<>> OpenCarriedMaps(const PinnedLayout& from, const std::set<std::string>& fresh);
// That a map is one of those that only all together make a flow table.
bool IsFlowMap(std::string_view name);

// Takes its pinned links along: those in `to` are updated in place later.
absl::Status MoveLinks(KernelWriter& writer, const std::string& from, const std::string& to);

// Removes everything below a layout's folder, the control word first.
absl::Status RemoveLayout(KernelWriter& writer, const std::string& base);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_OLDER_LAYOUT_H_

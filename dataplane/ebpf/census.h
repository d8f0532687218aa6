// SPDX-License-Identifier: Apache-2.0
// Census: how full the pinned tables are. It only reads, and needs no daemon.
//
// Thread safety: any thread.
#ifndef BULKHEAD_DATAPLANE_EBPF_CENSUS_H_
#define BULKHEAD_DATAPLANE_EBPF_CENSUS_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/model/table_fill.h"

namespace bulkhead {

// root: as EbpfOptions::pin_root. Tables that other versions have and this one has not are left out.
// kNotFound: nothing is pinned there by this version; kPermissionDenied.
absl::StatusOr<std::vector<TableFill>> CountTables(std::string_view root);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_CENSUS_H_

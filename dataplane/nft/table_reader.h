// SPDX-License-Identifier: Apache-2.0
// Reads the guard's tables back from the kernel, with libnftnl.
// Thread safety: plain functions over a socket; one thread a socket.
#ifndef BULKHEAD_DATAPLANE_NFT_TABLE_READER_H_
#define BULKHEAD_DATAPLANE_NFT_TABLE_READER_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "dataplane/kernel/netlink.h"
#include "dataplane/nft/guard_rules.h"

namespace bulkhead::nft {

absl::StatusOr<bool> HasTable(NetlinkSocket& socket, uint8_t family);
// nullopt: there is none. Sets and counters that are missing read as empty.
absl::StatusOr<std::optional<FoundTable>> ReadTable(NetlinkSocket& socket, uint8_t family);
// kNotFound: there is no such table.
absl::StatusOr<Dropped> ReadDropped(NetlinkSocket& socket, uint8_t family);

}  // namespace bulkhead::nft

#endif  // BULKHEAD_DATAPLANE_NFT_TABLE_READER_H_

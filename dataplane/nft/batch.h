// SPDX-License-Identifier: Apache-2.0
// Batch: the messages of one nftables transaction, put together with libnftnl.
// Thread safety: one thread an object.
#ifndef BULKHEAD_DATAPLANE_NFT_BATCH_H_
#define BULKHEAD_DATAPLANE_NFT_BATCH_H_

#include <libmnl/libmnl.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace bulkhead::nft {

class Batch {
 public:
  Batch();

  // type: NFT_MSG_...; family: NFPROTO_...; flags: NLM_F_... beside the request's own.
  void Add(uint16_t type, uint8_t family, uint16_t flags, const std::function<void(nlmsghdr*)>& payload);
  bool empty() const { return count_ == 0; }
  // Ends it; no Add after that.
  std::vector<uint8_t>& Finish();

 private:
  void Append(const nlmsghdr* message);

  std::vector<uint8_t> bytes_;
  std::vector<uint64_t> scratch_;  // one message; aligned
  size_t count_ = 0;
};

}  // namespace bulkhead::nft

#endif  // BULKHEAD_DATAPLANE_NFT_BATCH_H_

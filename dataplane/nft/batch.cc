// SPDX-License-Identifier: Apache-2.0
#include "dataplane/nft/batch.h"

#include <libnftnl/common.h>

namespace bulkhead::nft {
namespace {

constexpr size_t kMostOfAMessage = 128 * 1024;  // bytes; its largest attribute has at most 64 KiB

}  // namespace

Batch::Batch() : scratch_(kMostOfAMessage / sizeof(uint64_t)) {
  Append(nftnl_batch_begin(reinterpret_cast<char*>(scratch_.data()), 0));
}

void Batch::Append(const nlmsghdr* message) {
  const auto* begin = reinterpret_cast<const uint8_t*>(message);
  bytes_.insert(bytes_.end(), begin, begin + message->nlmsg_len);
  bytes_.resize(MNL_ALIGN(bytes_.size()));
}

void Batch::Add(uint16_t type, uint8_t family, uint16_t flags, const std::function<void(nlmsghdr*)>& payload) {
  nlmsghdr* message = nftnl_nlmsg_build_hdr(reinterpret_cast<char*>(scratch_.data()), type, family, flags, 0);
  payload(message);
  Append(message);
  ++count_;
}

std::vector<uint8_t>& Batch::Finish() {
  Append(nftnl_batch_end(reinterpret_cast<char*>(scratch_.data()), 0));
  return bytes_;
}

}  // namespace bulkhead::nft

// SPDX-License-Identifier: Apache-2.0
// What a prefix of the uplinks' deny list has kept out. A plain value.
#ifndef BULKHEAD_MODEL_BLOCK_COUNT_H_
#define BULKHEAD_MODEL_BLOCK_COUNT_H_

#include <cstdint>

namespace bulkhead {

struct BlockCount {
  uint64_t packets = 0;
  uint64_t bytes = 0;  // L2 length
};

}  // namespace bulkhead

#endif  // BULKHEAD_MODEL_BLOCK_COUNT_H_

// SPDX-License-Identifier: Apache-2.0
// How full a table of the dataplane is. A value.
#ifndef BULKHEAD_MODEL_TABLE_FILL_H_
#define BULKHEAD_MODEL_TABLE_FILL_H_

#include <cstdint>
#include <string>

namespace bulkhead {

struct TableFill {
  std::string table;
  uint64_t used = 0, capacity = 0;  // entries
  bool gives_way = false;           // a full one makes room by itself: the entry that was used longest ago goes
};

}  // namespace bulkhead

#endif  // BULKHEAD_MODEL_TABLE_FILL_H_

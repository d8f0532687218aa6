// SPDX-License-Identifier: Apache-2.0
// FlowSampler: some of the verdicts that stand in the flow tables, all parts of the tables in turn. A look costs a bounded time, however
// large the tables are.
//
// Thread safety: one thread at a time.
#ifndef BULKHEAD_DATAPLANE_FLOW_FLOW_SAMPLER_H_
#define BULKHEAD_DATAPLANE_FLOW_FLOW_SAMPLER_H_

#include <cstddef>
#include <random>
#include <vector>

#include "bulkhead/model/flow_record.h"
#include "dataplane/flow/flow_tables.h"

namespace bulkhead {

class FlowSampler {
 public:
  static constexpr uint64_t kGroupsAtOnce = 4096;

  // tables must outlive it.
  explicit FlowSampler(const FlowTables* tables) : tables_(tables) {}

  // Of the part of the tables that comes next, so many entries at most, each with the same chance; linked ones left out. What a record
  // says was true as a whole at one moment. Its counts and times mean nothing.
  std::vector<FlowRecord> Take(size_t most);

 private:
  struct Pick {
    uint64_t group = 0;
    FlowRecord record;
  };
  // Whether the entry still says the same: then it was not being written while it was read.
  bool Stands(const Pick& pick) const;

  const FlowTables* const tables_;
  FlowCursor cursor_;
  std::minstd_rand random_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_FLOW_FLOW_SAMPLER_H_

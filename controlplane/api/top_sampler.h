// SPDX-License-Identifier: Apache-2.0
// TopSampler: what went on between parties from one sample of flow table and edges to the next. Packets and bytes are differences of
// each flow's counts; flows that were made and packets that were denied are differences of the edges', which miss none.
//
// Memory: a few words for each flow and edge of the tables. Thread safety: one thread.
#ifndef BULKHEAD_CONTROLPLANE_API_TOP_SAMPLER_H_
#define BULKHEAD_CONTROLPLANE_API_TOP_SAMPLER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "bulkhead/api/top.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/names.h"
#include "controlplane/api/service.h"

namespace bulkhead::api {

// Adds the counts up.
void AddTo(const TopRow& row, TopRow* sum);

class TopSampler {
 public:
  // Reads the tables; `now` was read just before. The first sample only remembers.
  absl::Status Sample(DaemonService* service, const Moment& now);

  // By names of source and destination, since the sample before. Empty after the first.
  std::map<std::pair<std::string, std::string>, TopRow> ByPair(const Names& names) const;
  uint64_t interval_ms() const { return interval_ms_; }

 private:
  using Pair = std::pair<IdentityId, IdentityId>;
  struct Counts {
    uint64_t first = 0, second = 0;  // of a flow: packets, bytes; of an edge: flows, denied packets
    uint64_t round = 0;
  };
  using Memory = absl::flat_hash_map<uint64_t, Counts>;

  // What the counts of that number have grown by, and remembers them. born_now: it began after the sample before.
  Counts Grown(Memory* memory, uint64_t number, uint64_t first, uint64_t second, bool born_now);
  void Take(const FlowRecord& flow);
  void Take(const EdgeRecord& edge);

  Memory flows_, edges_;
  absl::flat_hash_map<Pair, TopRow> rows_;
  uint64_t round_ = 0;
  Moment before_, now_;
  uint64_t interval_ms_ = 0;
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_TOP_SAMPLER_H_

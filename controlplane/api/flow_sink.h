// SPDX-License-Identifier: Apache-2.0
// FlowSink: where the rows that a request for flows wants go: in chunks to the reader, or, with `last`, through a heap that keeps the
// newest. Memory: one chunk, or the rows of `last`. Thread safety: one thread.
#ifndef BULKHEAD_CONTROLPLANE_API_FLOW_SINK_H_
#define BULKHEAD_CONTROLPLANE_API_FLOW_SINK_H_

#include <cstdint>
#include <queue>
#include <string>
#include <string_view>
#include <utility>

#include "controlplane/api/flow_query.h"
#include "controlplane/api/flow_text.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/names.h"

namespace bulkhead::api {

class FlowSink {
 public:
  // All must outlive it. now: ages count from it.
  FlowSink(const Names& names, const FlowQuery& query, const Moment& now, LinePipe& pipe)
      : query_(query), now_(now), pipe_(pipe), text_(names, query) {}

  bool Wants(const FlowRecord& flow) { return text_.Wants(flow, now_); }
  // Takes a row that the query wants. false: the reader is gone. They wait while the reader has enough to read.
  bool Put(const FlowRecord& flow, std::string_view change = {});
  // Takes the row if the query wants it.
  bool Add(const FlowRow& row);
  // Hands over what is left: with `last` oldest first.
  bool Finish();

  uint64_t taken() const { return taken_; }

 private:
  bool PutLine(uint64_t idle_ms, std::string_view line);

  const FlowQuery& query_;
  const Moment& now_;
  LinePipe& pipe_;
  FlowText text_;
  std::string chunk_, line_;
  uint64_t taken_ = 0;
  std::priority_queue<std::pair<uint64_t, std::string>> newest_;  // the longest idle on top
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_FLOW_SINK_H_

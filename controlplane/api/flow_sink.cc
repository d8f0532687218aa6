// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/flow_sink.h"

namespace bulkhead::api {
namespace {

constexpr size_t kChunkBytes = 32 * 1024;  // handed to the reader at once

}  // namespace

bool FlowSink::Put(const FlowRecord& flow, std::string_view change) {
  if (query_.last != 0) {
    const uint64_t idle_ms = AgeMs(now_.boottime_ns, flow.last_seen);
    if (newest_.size() == query_.last && newest_.top().first <= idle_ms) return true;
    line_.clear();
    text_.Append(flow, now_, change, &line_);
    return PutLine(idle_ms, line_);
  }
  ++taken_;
  text_.Append(flow, now_, change, &chunk_);
  chunk_.push_back('\n');
  return chunk_.size() < kChunkBytes || Finish();
}

bool FlowSink::Add(const FlowRow& row) { return !query_.Wants(row) || PutLine(row.idle_ms, DumpJson(ToJson(row))); }

bool FlowSink::PutLine(uint64_t idle_ms, std::string_view line) {
  ++taken_;
  if (query_.last == 0) {
    chunk_.append(line).push_back('\n');
    return chunk_.size() < kChunkBytes || Finish();
  }
  newest_.emplace(idle_ms, line);
  if (newest_.size() > query_.last) newest_.pop();
  return true;
}

bool FlowSink::Finish() {
  for (; !newest_.empty(); newest_.pop()) chunk_.append(newest_.top().second).push_back('\n');
  if (chunk_.empty()) return true;
  chunk_.pop_back();  // Write ends the line
  const bool written = pipe_.Write(chunk_);
  chunk_.clear();
  return written;
}

}  // namespace bulkhead::api

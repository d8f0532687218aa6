// SPDX-License-Identifier: Apache-2.0
// Helpers of resources that answer with lines, or with one object.
#ifndef BULKHEAD_CONTROLPLANE_API_LINES_H_
#define BULKHEAD_CONTROLPLANE_API_LINES_H_

#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "bulkhead/api/paths.h"
#include "controlplane/api/json.h"
#include "controlplane/api/request.h"

namespace bulkhead::api {

template <class T>
Response ObjectResponse(const T& value) {
  Response response;
  response.body = DumpJson(ToJson(value)) + "\n";
  return response;
}

// The rows are made (and may be many), but only one at a time becomes text.
template <class T>
Response LinesResponse(std::vector<T> rows) {
  Response response;
  response.lines = [rows = std::make_shared<const std::vector<T>>(std::move(rows))](LinePipe& pipe) {
    for (const T& row : *rows) {
      if (!pipe.Write(DumpJson(ToJson(row)))) break;
    }
    return absl::OkStatus();
  };
  return response;
}

// Calls `poll` every `period` until the reader is gone or it fails; an empty line goes out when nothing else has for
// kHeartbeatSeconds. `poll` gives the number of lines it wrote.
absl::Status Follow(LinePipe& pipe, std::chrono::milliseconds period, const std::function<absl::StatusOr<uint64_t>()>& poll);

// One moment on the clocks of events (CLOCK_MONOTONIC), of flow records (CLOCK_BOOTTIME), and of people.
struct Moment {
  uint64_t monotonic_ns = 0;
  uint64_t boottime_ns = 0;
  uint64_t unix_ms = 0;

  static Moment Now();
};

// How long ago, in ms; 0 for what is yet to come.
inline uint64_t AgeMs(uint64_t now_ns, uint64_t then_ns) { return now_ns > then_ns ? (now_ns - then_ns) / 1'000'000 : 0; }

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_LINES_H_

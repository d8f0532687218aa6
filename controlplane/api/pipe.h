// SPDX-License-Identifier: Apache-2.0
// LinePipe: a bounded pipe of bytes between a thread that makes lines and the thread that writes them to a client.
#ifndef BULKHEAD_CONTROLPLANE_API_PIPE_H_
#define BULKHEAD_CONTROLPLANE_API_PIPE_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace bulkhead::api {

// Thread safety: one writer, one reader, and Cancel from anywhere.
class LinePipe {
 public:
  explicit LinePipe(size_t capacity) : capacity_(capacity) {}

  // Writer. Adds the line and an end of line. Waits while the pipe is full; false: the reader is gone, stop.
  bool Write(std::string_view line);
  // Writer. Sleeps; false: the reader is gone.
  bool Wait(std::chrono::milliseconds time);
  // Writer. Nothing more comes; an error is for the reader to tell.
  void Finish(absl::Status status);

  // Reader. Up to `size` bytes; 0 = the end, nullopt = cancelled. Waits while there is nothing.
  std::optional<size_t> Read(char* to, size_t size);
  // Reader. Waits for the first byte or the end; the error if it failed before it wrote anything.
  absl::Status WaitForFirst();

  void Cancel();

 private:
  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string buffer_;
  size_t taken_ = 0;  // of buffer_
  bool started_ = false, finished_ = false, cancelled_ = false;
  absl::Status status_;
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_PIPE_H_

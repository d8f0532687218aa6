// SPDX-License-Identifier: Apache-2.0
// The packets of a capture. The programs never wake a reader: call Drain now and then.
// Thread safety: Drain may come from any thread; two at once wait for each other.
#ifndef BULKHEAD_DATAPLANE_FLOW_CAPTURE_READER_H_
#define BULKHEAD_DATAPLANE_FLOW_CAPTURE_READER_H_

#include <functional>
#include <memory>
#include <mutex>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/abi/capture.h"

struct ring_buffer;

namespace bulkhead {

class CaptureReader {
 public:
  // map: bh_captures; must stay open as long as the reader lives.
  static absl::StatusOr<std::unique_ptr<CaptureReader>> Create(int map);
  ~CaptureReader();

  CaptureReader(const CaptureReader&) = delete;
  CaptureReader& operator=(const CaptureReader&) = delete;

  // Hands over each packet that is there, oldest first, until the callback returns false. Does not wait.
  absl::Status Drain(const std::function<bool(const bh_capture_packet&)>& callback);

 private:
  CaptureReader() = default;
  static int OnSample(void* self, void* data, size_t size);

  std::mutex mutex_;
  ring_buffer* ring_ = nullptr;
  const std::function<bool(const bh_capture_packet&)>* callback_ = nullptr;  // of the Drain that runs
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_FLOW_CAPTURE_READER_H_

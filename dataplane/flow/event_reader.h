// SPDX-License-Identifier: Apache-2.0
// The dataplane's events. The programs never wake a reader: call Drain now and then.
// Thread safety: Drain may come from any thread; two at once wait for each other.
#ifndef BULKHEAD_DATAPLANE_FLOW_EVENT_READER_H_
#define BULKHEAD_DATAPLANE_FLOW_EVENT_READER_H_

#include <functional>
#include <memory>
#include <mutex>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/abi/event.h"

struct ring_buffer;

namespace bulkhead {

class EventReader {
 public:
  // map: bh_events; must stay open as long as the reader lives.
  static absl::StatusOr<std::unique_ptr<EventReader>> Create(int map);
  ~EventReader();

  EventReader(const EventReader&) = delete;
  EventReader& operator=(const EventReader&) = delete;

  // Hands over each event that is there, oldest first, and gives its place back. Does not wait.
  absl::Status Drain(const std::function<void(const bh_event&)>& callback);

 private:
  EventReader() = default;
  static int OnSample(void* self, void* data, size_t size);

  std::mutex mutex_;
  ring_buffer* ring_ = nullptr;
  const std::function<void(const bh_event&)>* callback_ = nullptr;  // of the Drain that runs
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_FLOW_EVENT_READER_H_

// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/event_reader.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>

namespace bulkhead {

absl::StatusOr<std::unique_ptr<EventReader>> EventReader::Create(int map) {
  std::unique_ptr<EventReader> reader(new EventReader);
  reader->ring_ = ring_buffer__new(map, &EventReader::OnSample, reader.get(), nullptr);
  if (reader->ring_ == nullptr) return absl::ErrnoToStatus(errno, "mapping the event ring");
  return reader;
}

EventReader::~EventReader() { ring_buffer__free(ring_); }

int EventReader::OnSample(void* self, void* data, size_t size) {
  bh_event event;
  if (size < sizeof(event)) return 0;
  std::memcpy(&event, data, sizeof(event));
  (*static_cast<EventReader*>(self)->callback_)(event);
  return 0;
}

absl::Status EventReader::Drain(const std::function<void(const bh_event&)>& callback) {
  const std::lock_guard<std::mutex> lock(mutex_);
  callback_ = &callback;
  const int result = ring_buffer__consume(ring_);
  callback_ = nullptr;
  return result < 0 ? absl::ErrnoToStatus(-result, "reading the event ring") : absl::OkStatus();
}

}  // namespace bulkhead

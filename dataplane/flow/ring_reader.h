// SPDX-License-Identifier: Apache-2.0
// What the dataplane's programs put into a ring buffer, as values. The programs never wake a reader: call Drain now and then.
// Thread safety: Drain may come from any thread; two at once wait for each other.
#ifndef BULKHEAD_DATAPLANE_FLOW_RING_READER_H_
#define BULKHEAD_DATAPLANE_FLOW_RING_READER_H_

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/abi/dns.h"
#include "bulkhead/abi/event.h"

namespace bulkhead {

template <typename Sample>
class RingReader {
 public:
  using Callback = std::function<void(const Sample&)>;

  // map: a ring buffer of Samples; must stay open as long as the reader lives.
  static absl::StatusOr<std::unique_ptr<RingReader>> Create(int map) {
    std::unique_ptr<RingReader> reader(new RingReader);
    reader->ring_ = ring_buffer__new(map, &RingReader::OnSample, reader.get(), nullptr);
    if (reader->ring_ == nullptr) return absl::ErrnoToStatus(errno, "mapping a ring buffer");
    return reader;
  }
  ~RingReader() { ring_buffer__free(ring_); }

  RingReader(const RingReader&) = delete;
  RingReader& operator=(const RingReader&) = delete;

  // Hands over each sample that is there, oldest first, and gives its place back. Does not wait.
  absl::Status Drain(const Callback& callback) {
    const std::lock_guard<std::mutex> lock(mutex_);
    callback_ = &callback;
    const int result = ring_buffer__consume(ring_);
    callback_ = nullptr;
    return result < 0 ? absl::ErrnoToStatus(-result, "reading a ring buffer") : absl::OkStatus();
  }

 private:
  RingReader() = default;

  static int OnSample(void* self, void* data, size_t size) {
    Sample sample;
    if (size < sizeof(sample)) return 0;
    std::memcpy(&sample, data, sizeof(sample));
    (*static_cast<RingReader*>(self)->callback_)(sample);
    return 0;
  }

  std::mutex mutex_;
  ring_buffer* ring_ = nullptr;
  const Callback* callback_ = nullptr;  // of the Drain that runs
};

using EventReader = RingReader<bh_event>;
using DnsAnswerReader = RingReader<bh_dns_answer>;

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_FLOW_RING_READER_H_

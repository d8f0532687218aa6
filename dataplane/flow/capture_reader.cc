// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/capture_reader.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>

namespace bulkhead {
namespace {

constexpr int kEnough = -ECANCELED;  // what the callback's "stop" is to libbpf

}  // namespace

absl::StatusOr<std::unique_ptr<CaptureReader>> CaptureReader::Create(int map) {
  std::unique_ptr<CaptureReader> reader(new CaptureReader);
  reader->ring_ = ring_buffer__new(map, &CaptureReader::OnSample, reader.get(), nullptr);
  if (reader->ring_ == nullptr) return absl::ErrnoToStatus(errno, "mapping the ring of captures");
  return reader;
}

CaptureReader::~CaptureReader() { ring_buffer__free(ring_); }

int CaptureReader::OnSample(void* self, void* data, size_t size) {
  bh_capture_packet packet;
  if (size < sizeof(packet)) return 0;
  std::memcpy(&packet, data, sizeof(packet));
  return (*static_cast<CaptureReader*>(self)->callback_)(packet) ? 0 : kEnough;
}

absl::Status CaptureReader::Drain(const std::function<bool(const bh_capture_packet&)>& callback) {
  const std::lock_guard<std::mutex> lock(mutex_);
  callback_ = &callback;
  const int result = ring_buffer__consume(ring_);
  callback_ = nullptr;
  return result < 0 && result != kEnough ? absl::ErrnoToStatus(-result, "reading the ring of captures") : absl::OkStatus();
}

}  // namespace bulkhead

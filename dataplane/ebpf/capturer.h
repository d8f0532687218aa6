// SPDX-License-Identifier: Apache-2.0
// Capturer: tells the programs which packets to capture (abi/capture.h). Thread safety: one thread at a time.
#ifndef BULKHEAD_DATAPLANE_EBPF_CAPTURER_H_
#define BULKHEAD_DATAPLANE_EBPF_CAPTURER_H_

#include <memory>
#include <optional>
#include <set>

#include "absl/status/status.h"
#include "bulkhead/model/capture.h"
#include "dataplane/ebpf/maps.h"
#include "dataplane/flow/capture_reader.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

class Capturer {
 public:
  // Both must outlive it.
  Capturer(KernelWriter& writer, const Maps& maps) : writer_(writer), maps_(maps) {}

  // nullopt: none runs (any more). kResourceExhausted: more endpoints and identities than the map holds.
  absl::Status Set(const std::optional<CaptureFilter>& filter);
  absl::Status Drain(const std::function<bool(const bh_capture_packet&)>& callback);

 private:
  using Key = std::pair<uint32_t, uint32_t>;  // as bh_captured_key

  absl::Status Begin();
  absl::Status SetFlags(uint32_t flags);
  absl::Status Name(const std::set<Key>& wanted);

  KernelWriter& writer_;
  const Maps& maps_;
  std::unique_ptr<CaptureReader> reader_;
  std::set<Key> named_;
  bool running_ = false;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_CAPTURER_H_

// SPDX-License-Identifier: Apache-2.0
// What libbpf has to say goes into error messages instead of stderr. Thread safe: each thread has its own text.
#ifndef BULKHEAD_DATAPLANE_KERNEL_LIBBPF_LOG_H_
#define BULKHEAD_DATAPLANE_KERNEL_LIBBPF_LOG_H_

#include <string>

namespace bulkhead {

// Collects libbpf's warnings of the calling thread while it lives; of a long text (a verifier's log) the last 4096 bytes.
class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  std::string text() const;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_KERNEL_LIBBPF_LOG_H_

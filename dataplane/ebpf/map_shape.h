// SPDX-License-Identifier: Apache-2.0
// A pinned map of any layout, read by the names of the fields of its key and value, which the kernel keeps with it (BTF).
//
// Thread safety: a value; const methods from any thread. Errors: kFailedPrecondition: the map does not say what its fields are, or has
// none of that name.
#ifndef BULKHEAD_DATAPLANE_EBPF_MAP_SHAPE_H_
#define BULKHEAD_DATAPLANE_EBPF_MAP_SHAPE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/kernel/unique_fd.h"

struct btf;

namespace bulkhead {

// Bytes within a key or value.
struct ShapeField {
  uint32_t offset = 0, size = 0;

  // Of a field of at most 8 bytes in host order.
  uint64_t Number(const char* bytes) const;
};

class ShapedMap {
 public:
  static absl::StatusOr<ShapedMap> Open(const std::string& path);

  absl::StatusOr<ShapeField> KeyField(const std::string& name) const { return Find(key_type_, name); }
  absl::StatusOr<ShapeField> ValueField(const std::string& name) const { return Find(value_type_, name); }

  // Calls back for each element that is there, which nobody may change meanwhile.
  absl::Status ForEach(const std::function<void(const char* key, const char* value)>& callback) const;

 private:
  absl::StatusOr<ShapeField> Find(uint32_t type, const std::string& name) const;

  std::string path_;
  UniqueFd fd_;
  std::shared_ptr<btf> btf_;
  uint32_t key_type_ = 0, value_type_ = 0, key_size_ = 0, value_size_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_MAP_SHAPE_H_

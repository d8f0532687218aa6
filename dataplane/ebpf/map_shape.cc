// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/map_shape.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/kernel/libbpf_log.h"

namespace bulkhead {
namespace {

template <typename Integer>
uint64_t Take(const char* bytes) {
  Integer value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

}  // namespace

uint64_t ShapeField::Number(const char* bytes) const {
  switch (size) {
    case 1: return Take<uint8_t>(bytes + offset);
    case 2: return Take<uint16_t>(bytes + offset);
    case 4: return Take<uint32_t>(bytes + offset);
    case 8: return Take<uint64_t>(bytes + offset);
    default: return 0;
  }
}

absl::StatusOr<ShapedMap> ShapedMap::Open(const std::string& path) {
  const LibbpfLog log;
  ShapedMap map;
  map.path_ = path;
  map.fd_ = UniqueFd(bpf_obj_get(path.c_str()));
  if (!map.fd_.ok()) return absl::ErrnoToStatus(errno, path);
  bpf_map_info info{};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(map.fd_.get(), &info, &size) != 0) return absl::ErrnoToStatus(errno, path);
  if (info.btf_id != 0) map.btf_.reset(btf__load_from_kernel_by_id(info.btf_id), btf__free);
  if (map.btf_ == nullptr) return absl::FailedPreconditionError(absl::StrCat(path, ": does not say what its fields are"));
  map.key_type_ = info.btf_key_type_id;
  map.value_type_ = info.btf_value_type_id;
  map.key_size_ = info.key_size;
  map.value_size_ = info.value_size;
  return map;
}

absl::StatusOr<ShapeField> ShapedMap::Find(uint32_t type, const std::string& name) const {
  const btf_type* shape = btf__type_by_id(btf_.get(), type);
  if (shape != nullptr && btf_is_struct(shape)) {
    for (uint16_t i = 0; i < btf_vlen(shape); ++i) {
      const btf_member& member = btf_members(shape)[i];
      if (name != btf__name_by_offset(btf_.get(), member.name_off)) continue;
      const int64_t size = btf__resolve_size(btf_.get(), member.type);
      if (size > 0) return ShapeField{btf_member_bit_offset(shape, i) / 8, static_cast<uint32_t>(size)};
    }
  }
  return absl::FailedPreconditionError(absl::StrCat(path_, ": has no field ", name));
}

absl::Status ShapedMap::ForEach(const std::function<void(const char* key, const char* value)>& callback) const {
  std::vector<char> key(key_size_), next(key_size_), value(value_size_);
  int result = bpf_map_get_next_key(fd_.get(), nullptr, next.data());
  for (; result == 0; result = bpf_map_get_next_key(fd_.get(), key.data(), next.data())) {
    key = next;
    if (bpf_map_lookup_elem(fd_.get(), key.data(), value.data()) != 0) return absl::ErrnoToStatus(errno, path_);
    callback(key.data(), value.data());
  }
  return errno == ENOENT ? absl::OkStatus() : absl::ErrnoToStatus(errno, path_);
}

}  // namespace bulkhead

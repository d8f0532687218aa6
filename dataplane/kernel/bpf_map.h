// SPDX-License-Identifier: Apache-2.0
// Reading BPF maps by their file descriptor. Thread safety: plain functions; the kernel orders them.
// A map that changes meanwhile: an element that stays is seen once or (hash maps that are deleted from) maybe twice; each is seen
// whole.
#ifndef BULKHEAD_DATAPLANE_KERNEL_BPF_MAP_H_
#define BULKHEAD_DATAPLANE_KERNEL_BPF_MAP_H_

#include <bpf/bpf.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bulkhead {

// All of a hash or LRU hash map, by batches of system calls. The callback (const Key&, const Value&) returns false to stop.
template <typename Key, typename Value, typename Callback>
absl::Status ForEachInHash(int map, Callback&& callback) {
  std::vector<Key> keys(1024);
  std::vector<Value> values(keys.size());
  uint32_t bucket = 0, next_bucket = 0;
  bool first = true;
  while (true) {
    uint32_t count = static_cast<uint32_t>(keys.size());
    const int result =
        bpf_map_lookup_batch(map, first ? nullptr : &bucket, &next_bucket, keys.data(), values.data(), &count, nullptr);
    const int error = result < 0 ? errno : 0;
    if (error == ENOSPC) {  // one bucket holds more than fits
      keys.resize(keys.size() * 2);
      values.resize(keys.size());
      continue;
    }
    if (error != 0 && error != ENOENT) return absl::ErrnoToStatus(error, "map batch lookup");
    for (uint32_t i = 0; i < count; ++i) {
      if (!callback(static_cast<const Key&>(keys[i]), static_cast<const Value&>(values[i]))) return absl::OkStatus();
    }
    if (error == ENOENT) return absl::OkStatus();
    bucket = next_bucket;
    first = false;
  }
}

// All of a map of any kind, key by key: for tries, which have no batches on old kernels. Nobody may change it meanwhile.
template <typename Key, typename Value, typename Callback>
absl::Status ForEachByKey(int map, Callback&& callback) {
  Key key{}, next{};
  Value value{};
  for (int result = bpf_map_get_next_key(map, nullptr, &next); result == 0; result = bpf_map_get_next_key(map, &key, &next)) {
    key = next;
    if (bpf_map_lookup_elem(map, &key, &value) != 0) return absl::ErrnoToStatus(errno, "map lookup");
    callback(static_cast<const Key&>(key), static_cast<const Value&>(value));
  }
  return errno == ENOENT ? absl::OkStatus() : absl::ErrnoToStatus(errno, "map next key");
}

template <typename Key, typename Value>
absl::StatusOr<Value> ReadElement(int map, const Key& key) {
  Value value{};
  if (bpf_map_lookup_elem(map, &key, &value) != 0) return absl::ErrnoToStatus(errno, "map lookup");
  return value;
}

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_KERNEL_BPF_MAP_H_

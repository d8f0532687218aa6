// SPDX-License-Identifier: Apache-2.0
// A kernel of maps only: a KernelWriter whose maps are std::map, for tests of what is written, and in which order.
#ifndef BULKHEAD_TESTS_UNIT_EBPF_FAKE_MAPS_H_
#define BULKHEAD_TESTS_UNIT_EBPF_FAKE_MAPS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bulkhead/abi/address.h"
#include "bulkhead/abi/flow.h"
#include "bulkhead/abi/policy.h"
#include "dataplane/ebpf/maps.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

class FakeMaps : public KernelWriter {
 public:
  FakeMaps() {
    const auto add = [&](int& fd, size_t key, size_t value) {
      fd = 1000 + static_cast<int>(sizes_.size());  // no file descriptor of this process
      sizes_[fd] = {key, value};
    };
    add(maps.policy, 4, sizeof(bh_policy));
    add(maps.subjects, 4, sizeof(bh_subject));
    add(maps.matrix, 4, sizeof(bh_matrix_line));
    add(maps.rulesets, 4, sizeof(bh_ruleset));
    add(maps.intervals, 4, sizeof(bh_interval));
    for (uint32_t slot = 0; slot < BH_POLICY_SLOTS; ++slot) {
      add(maps.prefix4[slot], sizeof(bh_prefix4_key), 4);
      add(maps.prefix6[slot], sizeof(bh_prefix6_key), 4);
    }
    add(maps.ports, 4, 4);
    add(maps.endpoints, 4, sizeof(bh_endpoint));
    add(maps.fast_ends, 4, sizeof(bh_fast));
    add(maps.macs, sizeof(bh_zone_mac_key), 4);
    add(maps.addresses, sizeof(bh_address_key), sizeof(bh_address));
    add(maps.published, sizeof(bh_published_key), sizeof(bh_published));
    add(maps.targets, sizeof(bh_target_key), 4);
    add(maps.staged_edges, sizeof(bh_staged_edge_key), sizeof(bh_edge));
    maps.max_addresses = 100;
    maps.max_published = 10;
    maps.control = &control;
  }

  absl::Status UpdateElement(int map, const void* key, const void* value, uint64_t) override {
    if (auto status = Step(); !status.ok()) return status;
    Put(map, static_cast<const char*>(key), static_cast<const char*>(value));
    return absl::OkStatus();
  }
  absl::Status DeleteElement(int map, const void* key) override {
    if (auto status = Step(); !status.ok()) return status;
    const std::string bytes(static_cast<const char*>(key), sizes_.at(map).first);
    return content_[map].erase(bytes) == 1 ? absl::OkStatus() : absl::NotFoundError("no such key");
  }
  // Stops half-way when it fails, as the real one may.
  absl::Status UpdateBatch(int map, const void* keys, const void* values, uint32_t count) override {
    const absl::Status status = Step();
    const auto [key_size, value_size] = sizes_.at(map);
    for (uint32_t i = 0; i < (status.ok() ? count : (count + 1) / 2); ++i) {
      Put(map, static_cast<const char*>(keys) + i * key_size, static_cast<const char*>(values) + i * value_size);
    }
    return status;
  }
  absl::Status WriteArray(int map, const std::vector<ArrayPiece>& pieces) override {
    if (auto status = Step(); !status.ok()) return status;
    const size_t value_size = sizes_.at(map).second;
    arrays_written.push_back(map);
    for (const ArrayPiece& piece : pieces) {
      for (uint64_t i = 0; i < piece.size; ++i) {
        const auto index = static_cast<uint32_t>((piece.offset + i) / value_size);
        std::string& value = content_[map][std::string(reinterpret_cast<const char*>(&index), sizeof(index))];
        value.resize(value_size);
        value[(piece.offset + i) % value_size] = static_cast<const char*>(piece.bytes)[i];
      }
    }
    return absl::OkStatus();
  }
  absl::Status EmptyHash(int map) override {
    if (auto status = Step(); !status.ok()) return status;
    content_[map].clear();
    return absl::OkStatus();
  }
  absl::Status StoreWord(uint32_t* word, uint32_t value) override {
    if (auto status = Step(); !status.ok()) return status;
    if (on_store) on_store();
    *word = value;
    return absl::OkStatus();
  }
  absl::Status WaitForReaders() override {
    ++graces;
    return Step();
  }

  template <typename Value, typename Key>
  std::optional<Value> Get(int map, const Key& key) {
    const std::string bytes(reinterpret_cast<const char*>(&key), sizeof(key));
    const auto found = content_[map].find(bytes);
    if (found == content_[map].end()) return std::nullopt;
    Value value;
    std::memcpy(&value, found->second.data(), sizeof(value));
    return value;
  }
  // Puts what a program would.
  template <typename Key, typename Value>
  void Add(int map, const Key& key, const Value& value) {
    Put(map, reinterpret_cast<const char*>(&key), reinterpret_cast<const char*>(&value));
  }
  size_t Size(int map) { return content_[map].size(); }
  // By file descriptor, by the bytes of the key.
  const std::map<int, std::map<std::string, std::string>>& content() const { return content_; }

  Maps maps;
  bh_control control{};
  int graces = 0;
  // Calls that still succeed; all later ones fail. -1: all succeed.
  int calls_left = -1;
  std::vector<int> arrays_written;  // by WriteArray, in order
  std::function<void()> on_store;   // before the stamp (or another word) is stored

 private:
  absl::Status Step() {
    if (calls_left == 0) return absl::AbortedError("injected");
    if (calls_left > 0) --calls_left;
    return absl::OkStatus();
  }
  void Put(int map, const char* key, const char* value) {
    const auto [key_size, value_size] = sizes_.at(map);
    content_[map][std::string(key, key_size)] = std::string(value, value_size);
  }

  std::map<int, std::pair<size_t, size_t>> sizes_;  // of key and value
  std::map<int, std::map<std::string, std::string>> content_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_EBPF_FAKE_MAPS_H_

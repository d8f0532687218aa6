// SPDX-License-Identifier: Apache-2.0
// CidrTable: a set of prefixes, and which of them hold an address. Immutable once made; safe to read from any thread.
#ifndef BULKHEAD_MODEL_CIDR_TABLE_H_
#define BULKHEAD_MODEL_CIDR_TABLE_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bulkhead/model/ip.h"

namespace bulkhead {

class CidrTable {
 public:
  CidrTable() = default;
  // Sorts and removes duplicates.
  explicit CidrTable(std::vector<Prefix> prefixes) : prefixes_(std::move(prefixes)) {
    std::sort(prefixes_.begin(), prefixes_.end());
    prefixes_.erase(std::unique(prefixes_.begin(), prefixes_.end()), prefixes_.end());
    for (uint32_t i = 0; i < prefixes_.size(); ++i) {
      index_.emplace(prefixes_[i], i);
      std::vector<uint8_t>& lengths = lengths_[prefixes_[i].address.IsV4() ? 0 : 1];
      if (std::find(lengths.begin(), lengths.end(), prefixes_[i].length) == lengths.end()) lengths.push_back(prefixes_[i].length);
    }
    for (std::vector<uint8_t>& lengths : lengths_) std::sort(lengths.begin(), lengths.end());
  }

  size_t size() const { return prefixes_.size(); }
  const Prefix& operator[](size_t i) const { return prefixes_[i]; }
  const std::vector<Prefix>& prefixes() const { return prefixes_; }

  std::optional<uint32_t> Find(const Prefix& prefix) const {
    const auto found = index_.find(prefix);
    return found == index_.end() ? std::nullopt : std::optional<uint32_t>(found->second);
  }
  // Ascending indexes of those that hold the address: one look-up for each prefix length in use.
  std::vector<uint32_t> Holding(const IpAddress& address) const {
    std::vector<uint32_t> out;
    for (const uint8_t length : lengths_[address.IsV4() ? 0 : 1]) {
      if (const auto found = index_.find(Prefix::Of(address, length)); found != index_.end()) out.push_back(found->second);
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  // The longest that holds the address.
  std::optional<uint32_t> Longest(const IpAddress& address) const {
    const std::vector<uint8_t>& lengths = lengths_[address.IsV4() ? 0 : 1];
    for (auto length = lengths.rbegin(); length != lengths.rend(); ++length) {
      if (const auto found = index_.find(Prefix::Of(address, *length)); found != index_.end()) return found->second;
    }
    return std::nullopt;
  }

 private:
  struct Hash {
    size_t operator()(const Prefix& prefix) const {
      uint64_t hash = prefix.length + (uint64_t{prefix.address.family} << 8);
      for (const uint8_t byte : prefix.address.bytes) hash = (hash ^ byte) * 0x100000001b3ull;  // FNV-1a, RFC 9923
      return hash ^ hash >> 32;
    }
  };

  std::vector<Prefix> prefixes_;
  std::unordered_map<Prefix, uint32_t, Hash> index_;
  std::array<std::vector<uint8_t>, 2> lengths_;  // of IPv4 and of IPv6, ascending
};

}  // namespace bulkhead

#endif  // BULKHEAD_MODEL_CIDR_TABLE_H_

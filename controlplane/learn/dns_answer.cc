// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/dns_answer.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace bulkhead::learn {
namespace {

constexpr size_t kHeaderBytes = 12, kMostLabelBytes = 63, kMostNameBytes = 255;
constexpr uint16_t kTypeA = 1, kTypeCname = 5, kTypeAaaa = 28, kClassIn = 1;
// Of the header's flags: answer, no other operation than a query, not truncated, no error. RFC 1035 section 4.1.1.
constexpr uint16_t kFlagsMask = 0xfa0f, kFlagsWanted = 0x8000;

using Bytes = std::span<const uint8_t>;

struct Record {
  std::string owner;
  uint16_t type = 0, clazz = 0;
  size_t data = 0, length = 0;  // within the message
};

class Reader {
 public:
  explicit Reader(Bytes message) : message_(message) {}

  size_t left() const { return message_.size() - at_; }
  bool Skip(size_t count) {
    if (left() < count) return false;
    at_ += count;
    return true;
  }
  std::optional<uint16_t> U16() {
    if (left() < 2) return std::nullopt;
    at_ += 2;
    return static_cast<uint16_t>(message_[at_ - 2] << 8 | message_[at_ - 1]);
  }
  // A name where the reader stands; as text, cleaned. nullopt: it is none.
  std::optional<std::string> Name() {
    size_t after = at_;
    auto name = NameAt(at_, &after);
    if (name) at_ = after;
    return name;
  }
  std::optional<std::string> NameIn(const Record& record) const {
    size_t after = record.data;
    auto name = NameAt(record.data, &after);
    return name && after == record.data + record.length ? name : std::nullopt;
  }
  std::optional<Record> ReadRecord() {
    Record record;
    auto owner = Name();
    const auto type = U16(), clazz = U16();
    if (!owner || !type || !clazz || !Skip(4 /* time to live */)) return std::nullopt;
    const auto length = U16();
    record = {*std::move(owner), *type, *clazz, at_, length.value_or(0)};
    return length && Skip(*length) ? std::optional(std::move(record)) : std::nullopt;
  }
  Bytes DataOf(const Record& record) const { return message_.subspan(record.data, record.length); }

 private:
  static bool IsClean(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }

  // Each pointer leads to before everything of the name so far, so there is an end. after: behind the name where it began.
  std::optional<std::string> NameAt(size_t at, size_t* after) const {
    std::string name;
    bool jumped = false;
    size_t first = at;
    while (true) {
      if (at >= message_.size()) return std::nullopt;
      const size_t length = message_[at];
      if ((length & 0xc0) == 0xc0) {
        if (at + 1 >= message_.size()) return std::nullopt;
        const size_t target = (length & 0x3f) << 8 | message_[at + 1];
        if (!std::exchange(jumped, true)) *after = at + 2;
        if (target >= first || target < kHeaderBytes) return std::nullopt;
        at = first = target;
        continue;
      }
      if (length > kMostLabelBytes || at + 1 + length > message_.size()) return std::nullopt;
      if (length == 0) {
        if (!jumped) *after = at + 1;
        return name;
      }
      if (!name.empty()) name += '.';
      for (const uint8_t byte : message_.subspan(at + 1, length)) {
        const char c = static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
        if (!IsClean(c)) return std::nullopt;
        name += c;
      }
      // With the length of the first label and the root's: RFC 1035 section 2.3.4.
      if (name.size() + 2 > kMostNameBytes) return std::nullopt;
      at += 1 + length;
    }
  }

  const Bytes message_;
  size_t at_ = 0;
};

std::optional<IpAddress> AddressOf(Bytes data, uint16_t type) {
  IpAddress address;
  address.family = type == kTypeA ? 4 : 6;
  if (data.size() != (type == kTypeA ? 4u : 16u)) return std::nullopt;
  std::copy(data.begin(), data.end(), address.bytes.begin());
  return address;
}

// The name asked for and all that it is an alias of.
std::set<std::string> NamesBehind(const std::string& asked, const std::map<std::string, std::string>& aliases) {
  std::set<std::string> out = {asked};
  std::string name = asked;
  for (size_t i = 0; i < kMostDnsAliases; ++i) {
    const auto next = aliases.find(name);
    if (next == aliases.end() || !out.insert(next->second).second) break;
    name = next->second;
  }
  return out;
}

}  // namespace

std::vector<SeenName> ParseDnsAnswer(Bytes message, bool cut) {
  Reader reader(message);
  if (!reader.Skip(2 /* id */)) return {};
  const auto flags = reader.U16(), questions = reader.U16(), answers = reader.U16();
  if (!answers || (*flags & kFlagsMask) != kFlagsWanted || *questions != 1 || !reader.Skip(4 /* other sections */)) return {};
  const auto asked = reader.Name();
  const auto type = reader.U16(), clazz = reader.U16();
  if (!asked || asked->empty() || !clazz || (*type != kTypeA && *type != kTypeAaaa) || *clazz != kClassIn) return {};

  std::map<std::string, std::string> aliases;
  std::vector<std::pair<std::string, IpAddress>> addresses;
  for (size_t i = 0; i < *answers; ++i) {
    if (i >= kMostDnsRecords) return {};
    const auto record = reader.ReadRecord();
    if (!record) {
      if (cut) break;
      return {};
    }
    if (record->clazz != kClassIn) continue;
    if (record->type == kTypeCname) {
      const auto target = reader.NameIn(*record);
      if (!target) return {};
      aliases.emplace(record->owner, *target);
    } else if (record->type == *type) {
      const auto address = AddressOf(reader.DataOf(*record), *type);
      if (!address) return {};
      addresses.emplace_back(record->owner, *address);
    }
  }
  const std::set<std::string> names = NamesBehind(*asked, aliases);
  std::vector<SeenName> out;
  for (const auto& [owner, address] : addresses) {
    if (names.contains(owner)) out.push_back({*asked, address});
  }
  return out;
}

}  // namespace bulkhead::learn

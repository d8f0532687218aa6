// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/published_ports.h"

#include <arpa/inet.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/address.h"
#include "dataplane/kernel/bpf_map.h"

namespace bulkhead {
namespace {

template <typename Struct>
std::string Bytes(const Struct& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

bh_published_key PublishedKey(const PublishedTarget& target) {
  bh_published_key key{};
  std::copy(target.host.bytes.begin(), target.host.bytes.end(), key.address);
  key.port = htons(target.host_port);
  key.protocol = target.protocol;
  key.family = target.host.family;
  return key;
}

bh_published PublishedValue(const PublishedTarget& target) {
  bh_published value{};
  std::copy(target.target.bytes.begin(), target.target.bytes.end(), value.address);
  value.port = htons(target.target_port);
  value.zone = target.target_zone;
  value.family = target.target.family;
  return value;
}

bh_target_key TargetKey(const PublishedTarget& target) {
  bh_target_key key{};
  std::copy(target.target.bytes.begin(), target.target.bytes.end(), key.address);
  key.port = htons(target.target_port);
  key.zone = target.target_zone;
  key.protocol = target.protocol;
  key.family = target.target.family;
  return key;
}

}  // namespace

absl::Status PublishedPorts::Adopt() {
  published_.clear();
  targets_.clear();
  const absl::Status status = ForEachByKey<bh_published_key, bh_published>(
      maps_.published, [&](const bh_published_key& key, const bh_published& value) { published_[Bytes(key)] = Bytes(value); });
  if (!status.ok()) return status;
  return ForEachByKey<bh_target_key, uint32_t>(
      maps_.targets, [&](const bh_target_key& key, uint32_t value) { targets_[Bytes(key)] = Bytes(value); });
}

std::vector<PublishedTarget> PublishedPorts::List() const {
  std::vector<PublishedTarget> out;
  for (const auto& [key_bytes, value_bytes] : published_) {
    bh_published_key key{};
    bh_published value{};
    std::copy_n(key_bytes.data(), sizeof(key), reinterpret_cast<char*>(&key));
    std::copy_n(value_bytes.data(), sizeof(value), reinterpret_cast<char*>(&value));
    PublishedTarget target;
    target.host.family = key.family;
    std::copy(std::begin(key.address), std::end(key.address), target.host.bytes.begin());
    target.host_port = ntohs(key.port);
    target.protocol = key.protocol;
    target.target.family = value.family;
    std::copy(std::begin(value.address), std::end(value.address), target.target.bytes.begin());
    target.target_port = ntohs(value.port);
    target.target_zone = value.zone;
    out.push_back(target);
  }
  std::sort(out.begin(), out.end());
  return out;
}

absl::Status PublishedPorts::Sync(int map, Elements& held, const Elements& wanted, bool& changed) {
  for (auto it = held.begin(); it != held.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    const absl::Status status = writer_.DeleteElement(map, it->first.data());
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    changed = true;
    it = held.erase(it);
  }
  for (const auto& [key, value] : wanted) {
    const auto found = held.find(key);
    if (found != held.end() && found->second == value) continue;
    if (auto status = writer_.UpdateElement(map, key.data(), value.data()); !status.ok()) return status;
    changed = true;
    held[key] = value;
  }
  return absl::OkStatus();
}

absl::Status PublishedPorts::Set(const std::vector<PublishedTarget>& targets, bool& changed) {
  Elements published, behind;
  for (const PublishedTarget& target : targets) {
    published[Bytes(PublishedKey(target))] = Bytes(PublishedValue(target));
    behind[Bytes(TargetKey(target))] = Bytes(uint32_t{1});
  }
  if (published.size() > maps_.max_published || behind.size() > maps_.max_published) {
    return absl::ResourceExhaustedError(absl::StrCat(std::max(published.size(), behind.size()),
                                                     " published ports; the dataplane has room for ", maps_.max_published));
  }
  // Targets first: host traffic to a port that is about to be published is the proxy's already.
  if (auto status = Sync(maps_.targets, targets_, behind, changed); !status.ok()) return status;
  return Sync(maps_.published, published_, published, changed);
}

}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/publisher.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "dataplane/ebpf/tables.h"

namespace bulkhead {
namespace {

template <typename Struct>
bool SameBytes(const Struct& a, const Struct& b) {
  return std::memcmp(&a, &b, sizeof(a)) == 0;
}

absl::Status CheckEndpoint(const EndpointState& endpoint) {
  const auto bad = [&](const char* what) {
    return absl::InvalidArgumentError(absl::StrCat("endpoint in slot ", endpoint.slot, ": ", what));
  };
  if (endpoint.slot == 0 || endpoint.slot >= BH_MAX_ENDPOINTS) return bad("there is no such slot");
  if (endpoint.ifindex == 0) return bad("has no interface");
  if (endpoint.bound && endpoint.workload == 0) return bad("is bound to no workload");
  return absl::OkStatus();
}

}  // namespace

Publisher::Publisher(KernelWriter& writer, const Maps& maps)
    : writer_(writer), maps_(maps), policy_writer_(writer, maps), published_ports_(writer, maps), stamp_(maps.control->stamp) {}

uint32_t Publisher::active() const { return BH_STAMP_SLOT(stamp_); }

absl::Status Publisher::RaiseEpoch() {
  epoch_owed_ = true;
  const uint32_t next = BH_STAMP(BH_STAMP_EPOCH(stamp_) + 1, active());
  if (auto status = writer_.StoreWord(&maps_.control->stamp, next); !status.ok()) return status;
  stamp_ = next;
  epoch_owed_ = arrival_owed_ = false;
  return absl::OkStatus();
}

absl::Status Publisher::TellArrival() {
  if (auto status = writer_.StoreWord(&maps_.control->arrivals, maps_.control->arrivals + 1); !status.ok()) return status;
  arrival_owed_ = false;
  return absl::OkStatus();
}

absl::Status Publisher::Finish(absl::Status status, bool disturbed) {
  if (!disturbed && !epoch_owed_ && !arrival_owed_) return status;
  const absl::Status told = disturbed || epoch_owed_ ? RaiseEpoch() : TellArrival();
  return status.ok() ? told : status;
}

// What a policy has grown by is in its slot only after Grow: until then its cells there are an earlier policy's.
uint32_t Publisher::Published(uint32_t slot, std::optional<SubjectId> subject, uint32_t otherwise) const {
  return subject && *subject < slots_[slot].layout.subjects ? *subject : otherwise;
}

uint32_t Publisher::SubjectOf(uint32_t slot, IdentityId identity, const IpAddress& address) const {
  if (identity == kIdentityUnknown) return BH_SUBJECT_UNKNOWN;
  const uint32_t otherwise = identity == kIdentityHost ? BH_SUBJECT_HOST : BH_SUBJECT_UNKNOWN;
  const CompiledPolicy* policy = slots_[slot].policy.get();
  if (policy != nullptr) return Published(slot, policy->FindSubject(identity, address), otherwise);
  const auto found = adopted_subjects_.find({identity, address});
  return found == adopted_subjects_.end() ? otherwise : found->second;
}

// For packets whose source address was translated, or is no address of ours (link-local).
uint32_t Publisher::SubjectOfFamily(uint32_t slot, const EndpointState& endpoint, uint8_t family) const {
  if (!endpoint.bound) return BH_SUBJECT_UNKNOWN;
  const auto first = std::find_if(endpoint.addresses.begin(), endpoint.addresses.end(),
                                  [family](const IpAddress& address) { return address.family == family; });
  if (first != endpoint.addresses.end()) return SubjectOf(slot, endpoint.identity, *first);
  const CompiledPolicy* policy = slots_[slot].policy.get();
  if (policy == nullptr) {
    const auto found = adopted_family_subjects_.find({endpoint.identity, family});
    return found == adopted_family_subjects_.end() ? BH_SUBJECT_UNKNOWN : found->second;
  }
  return Published(slot, policy->FindSubject(endpoint.identity), BH_SUBJECT_UNKNOWN);
}

bh_address Publisher::Encode(const IpAddress& address, const AddressOwner& owner, const bh_address& before) const {
  bh_address value{};
  for (uint32_t slot = 0; slot < BH_POLICY_SLOTS; ++slot) {
    value.subject[slot] = Follows(slot) ? SubjectOf(slot, owner.identity, address) : before.subject[slot];
  }
  value.ifindex = owner.ifindex;
  value.slot = owner.slot;
  value.flags = owner.flags;
  return value;
}

bh_endpoint Publisher::Encode(const EndpointState& endpoint, const bh_endpoint& before) const {
  bh_endpoint value{};
  value.ifindex = endpoint.ifindex;
  value.zone = endpoint.zone;
  value.flags = endpoint.bound ? BH_ENDPOINT_BOUND : 0;
  std::copy(endpoint.mac.bytes.begin(), endpoint.mac.bytes.end(), value.mac);
  value.workload = endpoint.bound ? endpoint.workload : 0;
  value.identity = endpoint.bound ? endpoint.identity : kIdentityUnknown;
  for (uint32_t slot = 0; slot < BH_POLICY_SLOTS; ++slot) {
    value.subject[slot][0] = Follows(slot) ? SubjectOfFamily(slot, endpoint, 4) : before.subject[slot][0];
    value.subject[slot][1] = Follows(slot) ? SubjectOfFamily(slot, endpoint, 6) : before.subject[slot][1];
  }
  return value;
}

absl::Status Publisher::CheckRoom(const std::set<IpAddress>& addresses) const {
  size_t needed = addresses_.size();
  for (const IpAddress& address : addresses) {
    for (const auto& [place, owner] : book_.Places(address)) needed += addresses_.contains(place) ? 0 : 1;
  }
  if (needed <= maps_.max_addresses) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(needed, " addresses; the dataplane has room for ", maps_.max_addresses));
}

// What was there and is another now disturbs flows; what is new disturbs nobody, but may end what is noted of denials.
void Publisher::Take(bool was_there, bool& disturbed) {
  disturbed |= was_there;
  arrival_owed_ |= !was_there;
}

absl::Status Publisher::WriteAddresses(bool& disturbed) {
  for (const IpAddress& address : out_of_line_) {
    for (const auto& [place, owner] : book_.Places(address)) {
      const auto found = addresses_.find(place);
      const bh_address value = Encode(address, owner, found == addresses_.end() ? bh_address{} : found->second);
      if (found != addresses_.end() && SameBytes(found->second, value)) continue;
      const bh_address_key key = AddressKey(place.zone, place.address);
      if (auto status = writer_.UpdateElement(maps_.addresses, &key, &value); !status.ok()) return status;
      Take(!addresses_.insert_or_assign(place, value).second, disturbed);
    }
  }
  return absl::OkStatus();
}

absl::Status Publisher::DeleteAddresses(bool& disturbed) {
  for (const IpAddress& address : out_of_line_) {
    const auto wanted = book_.Places(address);
    for (auto it = addresses_.lower_bound({address, 0}); it != addresses_.end() && it->first.address == address;) {
      if (wanted.contains(it->first)) {
        ++it;
        continue;
      }
      const bh_address_key key = AddressKey(it->first.zone, address);
      const absl::Status status = writer_.DeleteElement(maps_.addresses, &key);
      if (!status.ok() && !absl::IsNotFound(status)) return status;
      it = addresses_.erase(it);
      disturbed = true;
    }
  }
  out_of_line_.clear();
  return absl::OkStatus();
}

absl::Status Publisher::WriteEndpoint(const EndpointState& endpoint, bool& disturbed) {
  const auto found = endpoint_values_.find(endpoint.slot);
  const bh_endpoint value = Encode(endpoint, found == endpoint_values_.end() ? bh_endpoint{} : found->second);
  if (found != endpoint_values_.end() && SameBytes(found->second, value)) return absl::OkStatus();
  const uint32_t key = endpoint.slot;
  if (auto status = writer_.UpdateElement(maps_.endpoints, &key, &value); !status.ok()) return status;
  Take(!endpoint_values_.insert_or_assign(endpoint.slot, value).second, disturbed);
  return absl::OkStatus();
}

absl::Status Publisher::WritePort(uint32_t ifindex, uint16_t slot, bool& disturbed) {
  const auto found = ports_.find(ifindex);
  if (found != ports_.end() && found->second == slot) return absl::OkStatus();
  const uint32_t value = slot;
  if (auto status = writer_.UpdateElement(maps_.ports, &ifindex, &value); !status.ok()) return status;
  Take(!ports_.insert_or_assign(ifindex, value).second, disturbed);
  return absl::OkStatus();
}

absl::Status Publisher::DeletePort(uint32_t ifindex, uint16_t slot, bool& disturbed) {
  const auto found = ports_.find(ifindex);
  if (found == ports_.end() || found->second != slot) return absl::OkStatus();  // another endpoint has the interface by now
  const absl::Status status = writer_.DeleteElement(maps_.ports, &ifindex);
  if (!status.ok() && !absl::IsNotFound(status)) return status;
  ports_.erase(found);
  disturbed = true;
  return absl::OkStatus();
}

// The adopted policy knows identities by the numbers that they had when it was compiled. An endpoint that has another now, which that
// policy has never heard of, is judged as before until there is a policy that has.
void Publisher::RenameAdopted(const EndpointState& before, const EndpointState& now) {
  if (slots_[active()].policy != nullptr || !before.bound || !now.bound || before.ifindex != now.ifindex) return;
  for (const IpAddress& address : now.addresses) {
    const auto found = adopted_subjects_.find({before.identity, address});
    if (found != adopted_subjects_.end()) adopted_subjects_.emplace(std::pair(now.identity, address), found->second);
  }
  for (const uint8_t family : {uint8_t{4}, uint8_t{6}}) {
    const auto found = adopted_family_subjects_.find({before.identity, family});
    if (found != adopted_family_subjects_.end()) adopted_family_subjects_.emplace(std::pair(now.identity, family), found->second);
  }
}

// Addresses come before the endpoint that is checked against them, the endpoint before the interface that leads to it.
absl::Status Publisher::PutEndpoint(const EndpointState& endpoint) {
  if (auto status = CheckEndpoint(endpoint); !status.ok()) return status;
  const auto known = endpoints_.find(endpoint.slot);
  const EndpointState before = known == endpoints_.end() ? EndpointState{} : known->second;
  const auto addresses_before = book_.AddressesOf(endpoint.slot);
  std::set<IpAddress> touched(addresses_before.begin(), addresses_before.end());
  book_.RemoveEndpoint(endpoint.slot);
  if (endpoint.bound) {
    book_.SetEndpoint(endpoint.slot, endpoint.zone, endpoint.ifindex, endpoint.identity, endpoint.addresses);
    touched.insert(endpoint.addresses.begin(), endpoint.addresses.end());
  }
  if (auto status = CheckRoom(touched); !status.ok()) {
    book_.RemoveEndpoint(endpoint.slot);
    if (before.bound) book_.SetEndpoint(before.slot, before.zone, before.ifindex, before.identity, before.addresses);
    return status;
  }
  RenameAdopted(before, endpoint);
  out_of_line_.merge(touched);
  const auto held = endpoint_values_.find(endpoint.slot);
  const uint32_t old_ifindex = held == endpoint_values_.end() ? 0 : held->second.ifindex;
  endpoints_[endpoint.slot] = endpoint;
  bool disturbed = false;
  absl::Status status = WriteAddresses(disturbed);
  if (status.ok()) status = WriteEndpoint(endpoint, disturbed);
  if (status.ok()) status = WritePort(endpoint.ifindex, endpoint.slot, disturbed);
  if (status.ok() && old_ifindex != endpoint.ifindex) status = DeletePort(old_ifindex, endpoint.slot, disturbed);
  if (status.ok()) status = DeleteAddresses(disturbed);
  return Finish(status, disturbed);
}

absl::Status Publisher::RemoveEndpoint(uint16_t slot) {
  const auto addresses = book_.AddressesOf(slot);
  out_of_line_.insert(addresses.begin(), addresses.end());
  book_.RemoveEndpoint(slot);
  endpoints_.erase(slot);
  bool disturbed = false;
  absl::Status status;
  if (const auto held = endpoint_values_.find(slot); held != endpoint_values_.end()) {
    status = DeletePort(held->second.ifindex, slot, disturbed);
    const uint32_t key = slot;
    const bh_endpoint free{};
    if (status.ok()) status = writer_.UpdateElement(maps_.endpoints, &key, &free);
    if (!status.ok()) return Finish(status, disturbed);
    endpoint_values_.erase(held);
    disturbed = true;
  }
  status = WriteAddresses(disturbed);  // another endpoint may have one of them now
  if (status.ok()) status = DeleteAddresses(disturbed);
  return Finish(status, disturbed);
}

absl::Status Publisher::SetHostAddresses(const std::vector<IpAddress>& addresses) {
  const std::vector<IpAddress> before(book_.host().begin(), book_.host().end());
  std::set<IpAddress> touched = book_.host();
  book_.SetHost(addresses);
  touched.insert(book_.host().begin(), book_.host().end());
  if (auto status = CheckRoom(touched); !status.ok()) {
    book_.SetHost(before);
    return status;
  }
  out_of_line_.merge(touched);
  const size_t places = addresses_.size();
  bool disturbed = false;
  absl::Status status = WriteAddresses(disturbed);
  // An address that is new to the host was the world's until now: cached verdicts may differ.
  disturbed |= addresses_.size() != places;
  if (status.ok()) status = DeleteAddresses(disturbed);
  return Finish(status, disturbed);
}

absl::Status Publisher::SetPublished(const std::vector<PublishedTarget>& targets) {
  bool changed = false;
  const absl::Status status = published_ports_.Set(targets, changed);
  return Finish(status, changed);
}

}  // namespace bulkhead

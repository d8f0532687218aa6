// SPDX-License-Identifier: Apache-2.0
// The half of Publisher that writes policies: a generation, what one grows by, the staged one.
#include <utility>

#include "dataplane/ebpf/publisher.h"
#include "dataplane/ebpf/tables.h"

namespace bulkhead {

absl::Status Publisher::PayGrace() {
  if (!grace_owed_) return absl::OkStatus();
  const absl::Status status = writer_.WaitForReaders();
  grace_owed_ = !status.ok();
  return status;
}

// Only what differs: subjects keep their numbers through most changes of policy.
absl::Status Publisher::WriteAddressSubjects(uint32_t slot) {
  std::vector<bh_address_key> keys;
  std::vector<bh_address> values;
  std::vector<bh_address*> held;
  for (auto it = addresses_.begin(); it != addresses_.end();) {
    const IpAddress& address = it->first.address;
    const auto places = book_.Places(address);
    for (; it != addresses_.end() && it->first.address == address; ++it) {
      const auto owner = places.find(it->first);
      const bool known = owner != places.end() && owner->second.slot == it->second.slot;
      const uint32_t subject = known ? SubjectOf(slot, owner->second.identity, address) : BH_SUBJECT_UNKNOWN;
      if (!subjects_unsure_[slot] && it->second.subject[slot] == subject) continue;
      keys.push_back(AddressKey(it->first.zone, address));
      values.push_back(it->second);
      values.back().subject[slot] = subject;
      held.push_back(&it->second);
    }
  }
  const absl::Status status = writer_.UpdateBatch(maps_.addresses, keys.data(), values.data(), static_cast<uint32_t>(keys.size()));
  if (!status.ok()) return status;
  for (size_t i = 0; i < held.size(); ++i) *held[i] = values[i];
  return absl::OkStatus();
}

absl::Status Publisher::WriteEndpointSubjects(uint32_t slot) {
  std::vector<uint32_t> keys;
  std::vector<bh_endpoint> values;
  for (auto& [number, value] : endpoint_values_) {
    const auto endpoint = endpoints_.find(number);  // none: a removal that failed half-way
    const bool known = endpoint != endpoints_.end();
    value.subject[slot][0] = known ? SubjectOfFamily(slot, endpoint->second, 4) : BH_SUBJECT_UNKNOWN;
    value.subject[slot][1] = known ? SubjectOfFamily(slot, endpoint->second, 6) : BH_SUBJECT_UNKNOWN;
    keys.push_back(number);
    values.push_back(value);
  }
  return writer_.UpdateBatch(maps_.endpoints, keys.data(), values.data(), static_cast<uint32_t>(keys.size()));
}

absl::Status Publisher::WriteSlot(uint32_t slot, std::shared_ptr<const CompiledPolicy> policy, const PolicyTables& tables,
                                  PolicyLayout layout) {
  slots_[slot] = {};
  if (auto status = policy_writer_.Write(tables, slot); !status.ok()) return status;
  slots_[slot] = {std::move(policy), std::move(layout)};
  absl::Status status = WriteAddressSubjects(slot);
  if (status.ok()) status = WriteEndpointSubjects(slot);
  subjects_unsure_[slot] = !status.ok();
  if (!status.ok()) slots_[slot] = {};
  return status;
}

absl::Status Publisher::ApplyPolicy(std::shared_ptr<const CompiledPolicy> policy) {
  PolicyLayout layout;
  const auto tables = EncodePolicy(*policy, layout);
  if (!tables.ok()) return tables.status();
  if (auto status = PayGrace(); !status.ok()) return status;
  const uint32_t slot = 1 - active();
  if (auto status = WriteSlot(slot, std::move(policy), *tables, std::move(layout)); !status.ok()) return status;
  const uint32_t next = BH_STAMP(BH_STAMP_EPOCH(stamp_) + 1, slot);
  if (auto status = writer_.StoreWord(&maps_.control->stamp, next); !status.ok()) {
    slots_[slot] = {};
    return status;
  }
  stamp_ = next;
  epoch_owed_ = false;
  slots_[1 - slot] = {};
  adopted_subjects_.clear();
  adopted_family_subjects_.clear();
  // From here on the policy is in force; what fails now only delays the next one.
  grace_owed_ = true;
  PayGrace().IgnoreError();
  return absl::OkStatus();
}

// Whatever of it has been written when there is an error, no program finds it.
absl::Status Publisher::Grow(uint32_t slot, const PolicyGrowth& growth) {
  PolicySlot& grown = slots_[slot];
  if (grown.policy == nullptr) return absl::FailedPreconditionError("there is no policy that could have grown");
  const auto tables = EncodeGrowth(*grown.policy, growth, grown.layout);
  if (!tables.ok()) return tables.status();
  const absl::Status status = policy_writer_.Grow(*tables, slot);
  if (status.ok()) {
    grown.layout.Hold(*grown.policy);
  } else {
    grown.layout.intervals.Truncate(tables->first_interval);
  }
  return status;
}

absl::Status Publisher::GrowPolicy(const PolicyGrowth& growth) { return Grow(active(), growth); }
absl::Status Publisher::GrowStaged(const PolicyGrowth& growth) { return Grow(BH_SLOT_STAGED, growth); }

// Also what an earlier call, or an earlier process, could not finish.
absl::Status Publisher::Unstage() {
  if (maps_.control->staged != 0) {
    if (auto status = writer_.StoreWord(&maps_.control->staged, 0); !status.ok()) return status;
    grace_owed_ = true;
  }
  slots_[BH_SLOT_STAGED] = {};
  if (auto status = PayGrace(); !status.ok()) return status;
  return writer_.EmptyHash(maps_.staged_edges);
}

absl::Status Publisher::StagePolicy(std::shared_ptr<const CompiledPolicy> policy) {
  if (policy == nullptr) return Unstage();
  PolicyLayout layout;
  const auto tables = EncodePolicy(*policy, layout);
  if (!tables.ok()) return tables.status();
  if (auto status = Unstage(); !status.ok()) return status;
  absl::Status status = WriteSlot(BH_SLOT_STAGED, std::move(policy), *tables, std::move(layout));
  if (status.ok()) status = writer_.StoreWord(&maps_.control->staged, 1);
  if (!status.ok()) {
    slots_[BH_SLOT_STAGED] = {};
    return status;
  }
  return RaiseEpoch();
}

}  // namespace bulkhead

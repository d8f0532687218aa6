// SPDX-License-Identifier: Apache-2.0
// Publisher: says in the maps what the policy is and who lives where, in an order that packets may watch.
//
// The stamp (abi/config.h) is written last. A policy is written to the inactive slot, with the subjects of all addresses and
// endpoints for that slot; then one store of the stamp makes packets use it; then a grace period passes before the old slot is
// touched. Cached verdicts of an older epoch are judged again by the programs, so every change that may alter one raises the epoch.
//
// The staged policy has a slot of its own, and bh_control.staged in the place of the stamp: it is written after everything else of
// the slot, and cleared, with a grace period, before the slot is written. What a policy grows by is added to the slot that the
// policy is in, behind all that programs can find there; a subject is published only once its slot has it.
//
// Thread safety: one thread. Errors: as in backend.h; what has been written stays known, so that a repeated call goes on from
// there.
#ifndef BULKHEAD_DATAPLANE_EBPF_PUBLISHER_H_
#define BULKHEAD_DATAPLANE_EBPF_PUBLISHER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/abi/address.h"
#include "bulkhead/model/compiled_policy.h"
#include "dataplane/backend.h"
#include "dataplane/ebpf/address_book.h"
#include "dataplane/ebpf/adopted_state.h"
#include "dataplane/ebpf/maps.h"
#include "dataplane/ebpf/policy_writer.h"
#include "dataplane/ebpf/published_ports.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

class Publisher {
 public:
  // maps.control points to the mapped control word; both arguments outlive the publisher.
  Publisher(KernelWriter& writer, const Maps& maps);

  // Takes over what the maps say already. Before anything else; leaves all as it is, but for a staged policy: that ends, since
  // nobody knows any longer what it was. Gives endpoints and host addresses.
  absl::StatusOr<AdoptedState> Adopt();

  // As in backend.h.
  absl::Status ApplyPolicy(std::shared_ptr<const CompiledPolicy> policy);
  absl::Status GrowPolicy(const PolicyGrowth& growth);
  absl::Status GrowStaged(const PolicyGrowth& growth);
  absl::Status StagePolicy(std::shared_ptr<const CompiledPolicy> policy);
  absl::Status PutEndpoint(const EndpointState& endpoint);
  absl::Status RemoveEndpoint(uint16_t slot);
  absl::Status SetHostAddresses(const std::vector<IpAddress>& addresses);
  absl::Status SetPublished(const std::vector<PublishedTarget>& targets);

  // Makes every cached verdict be judged again. If it fails, the next call of any kind makes up for it.
  absl::Status RaiseEpoch();
  uint32_t stamp() const { return stamp_; }

 private:
  // What was written to a policy slot. policy is null: of an earlier process, or nothing that counts.
  struct PolicySlot {
    std::shared_ptr<const CompiledPolicy> policy;
    PolicyLayout layout;
  };

  uint32_t active() const;
  // Whether the subjects of that slot are to follow addresses and endpoints: it is active, or staged. The others are written before
  // use.
  bool Follows(uint32_t slot) const { return slot == active() || slots_[slot].policy != nullptr; }
  // What the policy in that slot makes of a subject that it may not know, or that the slot does not have yet.
  uint32_t Published(uint32_t slot, std::optional<SubjectId> subject, uint32_t otherwise) const;
  // By the policy in that slot; as long as the active one has none, by what was adopted.
  uint32_t SubjectOf(uint32_t slot, IdentityId identity, const IpAddress& address) const;
  uint32_t SubjectOfFamily(uint32_t slot, const EndpointState& endpoint, uint8_t family) const;

  // The subjects of slots that do not follow are as in `before`.
  bh_address Encode(const IpAddress& address, const AddressOwner& owner, const bh_address& before) const;
  bh_endpoint Encode(const EndpointState& endpoint, const bh_endpoint& before) const;

  // kResourceExhausted if the places of these addresses, as the book has them, do not fit.
  absl::Status CheckRoom(const std::set<IpAddress>& addresses) const;
  // Brings the map in line with the book for all of `out_of_line_`: first what is new or changed (Write), later what is to go
  // (Delete). Both set `disturbed` when a place that was published changes.
  absl::Status WriteAddresses(bool& disturbed);
  absl::Status DeleteAddresses(bool& disturbed);
  absl::Status WriteEndpoint(const EndpointState& endpoint, bool& disturbed);
  absl::Status WritePort(uint32_t ifindex, uint16_t slot, bool& disturbed);
  absl::Status DeletePort(uint32_t ifindex, uint16_t slot, bool& disturbed);
  void Take(bool was_there, bool& disturbed);
  void RenameAdopted(const EndpointState& before, const EndpointState& now);
  absl::Status TellArrival();
  // The first error, after the epoch has been raised if `disturbed`: what was changed before the error counts as well.
  absl::Status Finish(absl::Status status, bool disturbed);

  // A whole policy with the subjects of all addresses and endpoints, to a slot that is not in use. Errors leave the slot without
  // policy.
  absl::Status WriteSlot(uint32_t slot, std::shared_ptr<const CompiledPolicy> policy, const PolicyTables& tables,
                         PolicyLayout layout);
  absl::Status WriteAddressSubjects(uint32_t slot);
  absl::Status WriteEndpointSubjects(uint32_t slot);
  absl::Status Grow(uint32_t slot, const PolicyGrowth& growth);
  absl::Status Unstage();
  // A flip or the end of a staged policy whose grace period did not pass: slots may not be reused before.
  absl::Status PayGrace();

  absl::Status AdoptEndpoints();
  absl::Status AdoptAddresses();

  KernelWriter& writer_;
  const Maps& maps_;
  PolicyWriter policy_writer_;
  PublishedPorts published_ports_;
  uint32_t stamp_ = 0;
  bool epoch_owed_ = false;    // verdicts may have changed since the epoch was raised
  bool arrival_owed_ = false;  // somebody new has been written since the arrivals were told
  bool grace_owed_ = false;
  PolicySlot slots_[BH_POLICY_SLOTS];
  bool subjects_unsure_[BH_POLICY_SLOTS] =
      {};  // writing the slot's subjects failed half-way: the maps may say otherwise than below
  // Until the first policy: the subjects that the adopted maps had in the active slot.
  std::map<std::pair<IdentityId, IpAddress>, uint32_t> adopted_subjects_;
  std::map<std::pair<IdentityId, uint8_t>, uint32_t> adopted_family_subjects_;

  AddressBook book_;
  std::map<uint16_t, EndpointState> endpoints_;  // as the caller wants them
  std::set<IpAddress> out_of_line_;              // addresses that the map may not show as the book has them
  // What the maps say.
  std::map<AddressPlace, bh_address> addresses_;
  std::map<uint16_t, bh_endpoint> endpoint_values_;
  std::map<uint32_t, uint32_t> ports_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_PUBLISHER_H_

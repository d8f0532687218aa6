// SPDX-License-Identifier: Apache-2.0
// Publisher: says in the maps what the policy is and who lives where, in an order that packets may watch.
//
// The stamp (abi/config.h) is written last. A policy is written to the inactive slot, with the subjects of all addresses and
// endpoints for that slot; then one store of the stamp makes packets use it; then a grace period passes before the old slot is
// touched. Cached verdicts of an older epoch are judged again by the programs, so every change that may alter one raises the epoch.
//
// Thread safety: one thread. Errors: as in backend.h; what has been written stays known, so that a repeated call goes on from
// there.
#ifndef BULKHEAD_DATAPLANE_EBPF_PUBLISHER_H_
#define BULKHEAD_DATAPLANE_EBPF_PUBLISHER_H_

#include <cstdint>
#include <map>
#include <memory>
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

  // Takes over what the maps say already. Before anything else; leaves all as it is. Gives endpoints and host addresses.
  absl::StatusOr<AdoptedState> Adopt();

  absl::Status ApplyPolicy(std::shared_ptr<const CompiledPolicy> policy);
  absl::Status PutEndpoint(const EndpointState& endpoint);
  absl::Status RemoveEndpoint(uint16_t slot);
  absl::Status SetHostAddresses(const std::vector<IpAddress>& addresses);
  absl::Status SetPublished(const std::vector<PublishedTarget>& targets);

  // Makes every cached verdict be judged again. If it fails, the next call of any kind makes up for it.
  absl::Status RaiseEpoch();
  uint32_t stamp() const { return stamp_; }

 private:
  uint32_t active() const;
  // By the policy of that slot: `policy`, or what was adopted as long as there is none.
  uint32_t SubjectOf(const CompiledPolicy* policy, IdentityId identity, const IpAddress& address) const;
  uint32_t SubjectOfFamily(const CompiledPolicy* policy, const EndpointState& endpoint, uint8_t family) const;

  bh_address Encode(const IpAddress& address, const AddressOwner& owner) const;
  bh_endpoint Encode(const EndpointState& endpoint) const;

  // kResourceExhausted if the places of these addresses, as the book has them, do not fit.
  absl::Status CheckRoom(const std::set<IpAddress>& addresses) const;
  // Brings the map in line with the book for all of `out_of_line_`: first what is new or changed (Write), later what is to go
  // (Delete). Both set `disturbed` when a place that was published changes.
  absl::Status WriteAddresses(bool& disturbed);
  absl::Status DeleteAddresses(bool& disturbed);
  absl::Status WriteEndpoint(const EndpointState& endpoint, bool& disturbed);
  absl::Status WritePort(uint32_t ifindex, uint16_t slot, bool& disturbed);
  absl::Status DeletePort(uint32_t ifindex, uint16_t slot, bool& disturbed);
  // The first error, after the epoch has been raised if `disturbed`: what was changed before the error counts as well.
  absl::Status Finish(absl::Status status, bool disturbed);

  // Subjects of all addresses and endpoints for a slot that is not in use.
  absl::Status WriteSubjects(const CompiledPolicy& policy, uint32_t slot);

  absl::Status AdoptEndpoints();
  absl::Status AdoptAddresses();

  KernelWriter& writer_;
  const Maps& maps_;
  PolicyWriter policy_writer_;
  PublishedPorts published_ports_;
  uint32_t stamp_ = 0;
  bool epoch_owed_ = false;  // verdicts may have changed since the epoch was raised
  bool grace_owed_ = false;  // a flip whose grace period did not pass
  std::shared_ptr<const CompiledPolicy> policy_;
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

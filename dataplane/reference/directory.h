// SPDX-License-Identifier: Apache-2.0
// Directory: who lives here. Endpoints, addresses and published ports, looked up the obvious way. Not thread-safe.
#ifndef BULKHEAD_DATAPLANE_REFERENCE_DIRECTORY_H_
#define BULKHEAD_DATAPLANE_REFERENCE_DIRECTORY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "bulkhead/model/compiled_policy.h"
#include "dataplane/backend.h"

namespace bulkhead::reference {

// Whose an address is.
struct Resident {
  uint16_t slot = 0;  // of the endpoint; 0: the host, or ambiguous without being routed
  bool host = false;
  bool ambiguous = false;  // several zones, or the host and a zone, have it: nobody's identity
  bool operator==(const Resident&) const = default;
};

// One side of a judgement.
struct Party {
  SubjectId subject = kSubjectUnknown;
  uint16_t slot = 0;                   // of its endpoint; 0: no workload's
  SubjectId staged = kSubjectUnknown;  // what the staged policy, if there is one, takes it for
  bool operator==(const Party&) const = default;
};

// The destination that a packet really asks for: behind a published port, the workload's.
struct Service {
  Party party;
  uint16_t port = 0;
};

class Directory {
 public:
  void Put(const EndpointState& endpoint);
  void Remove(uint16_t slot) { endpoints_.erase(slot), published_to_.erase(slot); }
  void SetHostAddresses(const std::vector<IpAddress>& addresses) { host_ = {addresses.begin(), addresses.end()}; }
  void SetPublished(const std::vector<PublishedTarget>& targets) { published_ = targets; }
  // A policy that everybody is judged by from now on. staged: null for none.
  void SetPolicy(const CompiledPolicy* policy);
  void SetStaged(const CompiledPolicy* policy);
  // It has grown: its new subjects are those of who is put from now on.
  void GrowPolicy() { active_.subjects = active_.policy->subjects.size(); }
  void GrowStaged() { staged_.subjects = staged_.policy->subjects.size(); }

  const EndpointState* AtPort(uint32_t ifindex) const;
  const EndpointState* AtSlot(uint16_t slot) const;
  const std::map<uint16_t, EndpointState>& endpoints() const { return endpoints_; }
  const std::set<IpAddress>& host_addresses() const { return host_; }
  const std::vector<PublishedTarget>& published() const { return published_; }

  // As the address map has it under (zone, address): under zone 0 stand the host's addresses and every workload's.
  std::optional<Resident> At(uint16_t zone, const IpAddress& address) const;
  // In the zone, else anywhere.
  std::optional<Resident> Find(uint16_t zone, const IpAddress& address) const;
  // The slot of the endpoint of this very zone that holds the address, the last one put if several claim it; 0: none.
  uint16_t Holder(uint16_t zone, const IpAddress& address) const;
  // The same, but none if others take the address for ambiguous: a routed one that a bridge has too.
  uint16_t Local(uint16_t zone, const IpAddress& address) const;
  // The link-local address of an endpoint of the zone, by its MAC.
  bool IsLinkLocalOfAny(uint16_t zone, const IpAddress& address) const;
  bool IsHost(const IpAddress& address) const { return host_.contains(address); }

  Party Endpoint(uint16_t slot, uint8_t family) const;            // by the endpoint's first address of the family
  Party Workload(uint16_t slot, const IpAddress& address) const;  // by this address of it
  Party Outside(const IpAddress& address) const;                  // by the policy's prefixes
  Party Host(const IpAddress& address) const;
  // A packet with this provenance (not 0) and source, seen in the zone.
  Party Tagged(uint16_t zone, uint16_t tag, const IpAddress& source) const;
  // Without looking at published ports.
  Party Destination(uint16_t zone, const IpAddress& address) const;
  Service Published(uint16_t zone, const IpAddress& address, uint16_t port, uint8_t protocol) const;
  // The workload's side of a published port: what docker-proxy connects to.
  bool IsTarget(uint16_t zone, const IpAddress& address, uint16_t port, uint8_t protocol) const;

 private:
  struct PublishedPolicy {
    const CompiledPolicy* policy = nullptr;
    size_t subjects = 0;
  };
  // By endpoint slot: how many subjects of either policy counted when it was put. Missing: all that count now.
  struct PublishedTo {
    size_t active = 0, staged = 0;
  };
  // address: null for the identity without one.
  static SubjectId Subject(const PublishedPolicy& in, IdentityId identity, const IpAddress* address, SubjectId otherwise);
  static SubjectId WorldSubject(const PublishedPolicy& in, const IpAddress& address);
  Party Of(uint16_t slot, IdentityId identity, const IpAddress* address, SubjectId otherwise) const;

  std::map<uint16_t, EndpointState> endpoints_;
  std::map<uint16_t, uint64_t> put_;  // when, by slot
  uint64_t puts_ = 0;
  std::set<IpAddress> host_;
  std::vector<PublishedTarget> published_;
  PublishedPolicy active_, staged_;
  std::map<uint16_t, PublishedTo> published_to_;
};

}  // namespace bulkhead::reference

#endif  // BULKHEAD_DATAPLANE_REFERENCE_DIRECTORY_H_

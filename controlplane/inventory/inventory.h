// SPDX-License-Identifier: Apache-2.0
// Inventory: who lives on this host and through which interfaces. It collects facts (reports of sources, links of the host, what was
// found in namespaces) and derives everything else from them anew, so that the order in which facts come makes no difference in the end.
// It does nothing itself: what ought to be in the dataplane is in its state, what it needs to know is in its requests.
//
// How an interface gets its workload:
//   confirmed    the workload's network namespace holds the other end of the veth. Always wins.
//   provisional  the workload's networks are being set up, and (bridge, MAC of the other end) is what the engine says it will have.
//                Lasts until the namespace is looked into after the start, and is given up when that disagrees or does not come.
//   otherwise    nobody's: judged as the unknown subject.
//
// Times are nanoseconds of one monotonic clock.
// Thread safety: one thread (the control thread).
#ifndef BULKHEAD_CONTROLPLANE_INVENTORY_INVENTORY_H_
#define BULKHEAD_CONTROLPLANE_INVENTORY_INVENTORY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bulkhead/model/workload.h"
#include "controlplane/identity/interner.h"
#include "controlplane/identity/service_name.h"
#include "controlplane/inventory/facts.h"
#include "controlplane/inventory/number_pool.h"
#include "controlplane/runtime/source.h"
#include "dataplane/backend.h"

namespace bulkhead {

inline constexpr uint64_t kSecond = 1'000'000'000;
// How long a starting workload may be without what it needs before it is called unprotected.
inline constexpr uint64_t kBindGrace = 3 * kSecond;
// How long after the start a provisional binding waits for its confirmation.
inline constexpr uint64_t kConfirmWithin = 5 * kSecond;
// After a removal, how long its slot rests. Packets carry it for milliseconds, and cached flows are judged anew before they count for
// another. Longer would be too long: 20 starts a second for 300 s take more slots than there are.
inline constexpr uint64_t kSlotRest = 30 * kSecond;
// The same of a zone, of which there are many and which come and go seldom.
inline constexpr uint64_t kZoneRest = 300 * kSecond;

struct SourceState {
  std::string state = "connecting";  // "connecting", "synced", "lost"
  std::string error;
  uint64_t workloads = 0;
};

// A workload that runs, in a network namespace of its own that leads to interfaces of this host, and where that is.
struct ObservedWorkload {
  IdentityId identity = kIdentityUnknown;
  ResolveRequest place;
  int32_t nsid = -1;  // by which the namespace behind `place` is known to be still the same
};

// Everything derived. Keys of workloads are "runtime/id".
struct InventoryState {
  std::map<uint16_t, EndpointState> endpoints;         // what the dataplane ought to hold, by slot
  std::map<uint16_t, std::string> owners;              // slot -> workload; without entry: nobody known
  std::map<std::string, Workload> workloads;           // connecting, running or paused
  std::map<IdentityId, std::set<IpAddress>> identities;  // of every reported workload, and of what was adopted
  std::map<std::string, ObservedWorkload> observed;    // those of them whose traffic the hooks see; paused ones left out
  std::vector<PublishedTarget> published;              // sorted, unique
  std::set<std::string> closed_bridges;                // whose containers the engine keeps apart
  std::map<std::string, SourceState> sources;
  std::vector<std::string> problems;                   // sentences
};

struct InventoryOptions {
  bool trust_image_labels = false;
  // Names of the sources; nothing that was adopted is given up before each of them has listed its workloads once.
  std::vector<std::string> sources;
  // What the dataplane held when the daemon started.
  std::vector<EndpointState> adopted;
  std::vector<PublishedTarget> adopted_published;
  // ns from the first Update on: then what was adopted and nobody has claimed is given up all the same.
  uint64_t settle_within = 600 * kSecond;
};

class Inventory {
 public:
  Inventory(InventoryOptions options, IdentityInterner* interner);

  void OnSource(const SourceEvent& event, uint64_t now);
  void OnLink(const HostLink& link, uint64_t now);
  void OnLinkGone(uint32_t ifindex, uint64_t now);
  // A complete listing: links that it does not hold are gone.
  void OnAllLinks(const std::vector<HostLink>& links, uint64_t now);
  void OnResolved(const std::string& key, uint64_t token, Resolution resolution, uint64_t now);
  // The MAC at the other end of a veth; nullopt: not found.
  void OnPeer(uint32_t ifindex, std::optional<MacAddress> mac);
  // Whether the programs are on an interface.
  void OnAttached(uint32_t ifindex, const absl::Status& status);

  // Derives everything from what is known now. Call after one or many facts, and about once a second.
  const InventoryState& Update(uint64_t now);
  const InventoryState& state() const { return state_; }

  // What is to be looked up; each is asked once until its answer comes.
  std::vector<ResolveRequest> TakeResolveRequests(uint64_t now);
  std::vector<PeerRequest> TakePeerRequests(uint64_t now);

  // false: some source has not listed its workloads yet, or some adopted endpoint may still find its workload; until settle_within.
  bool settled() const { return settled_; }

 private:
  struct Record {
    WorkloadReport report;
    std::string source;
    bool listed = false;  // by the listing under way
    Naming naming;
    IdentityId identity = kIdentityUnknown;
    uint64_t token = 1;  // rises with each new process or namespace
    std::optional<Resolution> found;  // of this token; the last that was ok, else the last
    bool resolve_wanted = false;
    bool resolving = false;
    uint64_t next_try = 0;
    unsigned failures = 0;
    uint64_t running_since = 0;  // 0 = not running
  };
  struct Provisional {
    std::string key;
    uint64_t token = 0;
  };
  // Who has an interface, as far as this round of Update knows.
  struct Claim {
    const Record* record = nullptr;
    std::string key;
    const FoundInterface* found = nullptr;  // null: provisional
    const NetworkAttachment* network = nullptr;
  };

  void Upsert(const SourceEvent& event, uint64_t now);
  void Remove(const SourceEvent& event);
  void EndSync(const std::string& source);
  void WantPeersOn(const std::string& bridge);
  bool Settles() const;
  static bool Alive(const Record& record);
  static bool Resolvable(const Record& record);
  static bool Incomplete(const Record& record);

  // The passes of Update, in order (derive.cc).
  void FindManagedBridges();
  void ClaimConfirmed();
  void ClaimProvisional(uint64_t now);
  bool KeepProvisional(uint32_t ifindex, const Provisional& binding, uint64_t now) const;
  void ReleaseNumbers(const std::set<uint32_t>& managed, uint64_t now);
  void NumberInterfaces(uint64_t now);
  void MakeEndpoints();
  void MakeWorkloads(uint64_t now);
  void MakeIdentities();
  void MakePublished();
  void MakeClosedBridges();
  void MakeProblems();

  const Record* IdentityOwner(const Record& record) const;
  const NetworkAttachment* MatchNetwork(const Record& record, const HostLink& link, const MacAddress& mac) const;
  EndpointState StateOf(const Claim& claim, EndpointState endpoint);
  std::vector<IpAddress> AddressesOf(const Claim& claim) const;
  std::string WhyUnprotected(const std::string& key, const Record& record, uint64_t now) const;
  bool IsObserved(const std::string& key, const Record& record) const;
  Workload WorkloadOf(const std::string& key, const Record& record, uint64_t now) const;
  std::string BridgeName(uint32_t ifindex) const;

  const InventoryOptions options_;
  IdentityInterner* const interner_;

  // Facts.
  std::map<std::string, Record> records_;
  std::map<uint32_t, HostLink> links_;
  bool links_known_ = false;
  std::map<uint32_t, MacAddress> peers_;
  std::map<uint32_t, absl::Status> attached_;
  std::map<std::string, SourceState> sources_;
  std::map<std::pair<std::string, std::string>, std::string> source_problems_;
  std::set<std::string> syncing_;
  std::set<std::string> synced_once_;

  // What has to be remembered from one round to the next.
  std::map<uint32_t, EndpointState> adopted_;  // by ifindex; given up once settled
  std::map<uint32_t, uint16_t> slots_;         // ifindex -> slot
  std::map<uint32_t, uint16_t> zones_;         // ifindex of a bridge -> zone
  std::map<std::string, uint32_t> numbers_;    // of workloads
  uint32_t next_number_ = 1;
  std::map<uint32_t, Provisional> provisional_;
  NumberPool slot_pool_;
  NumberPool zone_pool_;
  std::set<uint32_t> peers_wanted_;
  std::set<uint32_t> peers_asked_;             // no answer yet
  std::map<uint32_t, uint64_t> peers_next_;    // earliest time to ask again without a new fact
  bool settled_ = false;
  uint64_t first_update_ = 0;

  // This round's.
  std::set<uint32_t> managed_bridges_;
  std::map<uint32_t, Claim> claims_;
  std::map<std::string, std::vector<uint32_t>> interfaces_of_;  // workload -> ifindexes of its claims
  std::map<std::string, std::string> conflicts_;  // workload -> sentence
  std::set<uint32_t> without_slot_;
  InventoryState state_;
};

// Whether engines make bridges of this name: their ports are looked after before any workload is known.
bool IsEngineBridgeName(const std::string& name);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_INVENTORY_INVENTORY_H_

// SPDX-License-Identifier: Apache-2.0
// Facts: what the ledger knows besides edges: presence, listening ports, names, who was in quarantine, what people decided. Each is
// bounded; the oldest give way, of quarantines those of sources outside first, of decisions none.
//
// Thread safety: one thread at a time. All calls are within a transaction of the caller's.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_FACTS_H_
#define BULKHEAD_CONTROLPLANE_LEARN_FACTS_H_

#include <vector>

#include "absl/status/status.h"
#include "controlplane/learn/learner.h"
#include "controlplane/learn/party_table.h"
#include "controlplane/learn/scan_watch.h"
#include "controlplane/store/database.h"

namespace bulkhead::learn {

class Facts {
 public:
  // Both must outlive it.
  absl::Status Open(Database* database, PartyTable* parties, const LearnLimits& limits);

  absl::Status AddNames(const std::vector<SeenName>& names, uint64_t now);
  absl::Status AddListeners(const std::vector<Listener>& listeners, const Learner::IdentityLookup& lookup, uint64_t now);
  absl::Status AddPresence(const std::vector<Presence>& presence, const Learner::IdentityLookup& lookup, uint64_t now);
  absl::Status AddQuarantines(const std::vector<ScanWatch::Found>& found);
  // kResourceExhausted: there are as many as can be kept.
  absl::Status AddDecision(const Decision& decision);

  // Forgets what was last seen before `before`, Unix seconds.
  absl::Status Expire(uint64_t before);

 private:
  absl::StatusOr<uint64_t> Rows(const char* table);
  // Deletes rows of a table beyond `limit`: the first in the order of `age`.
  absl::Status Bound(const char* table, const char* key, const char* age, uint64_t limit);

  Database* database_ = nullptr;
  PartyTable* parties_ = nullptr;
  LearnLimits limits_;
  Statement add_name_, add_listener_, add_presence_, add_quarantine_, add_decision_;
};

// The name in lower case without its last dot; "" when it is no host name: 1 to 253 of letters, digits, '-', '_' and '.' (RFC 1035
// 2.3.4; '_' as in RFC 2782).
std::string HostName(std::string_view name);

// As a row has it: "" = none.
std::string PeerText(const IpAddress& peer);

// The start of the window that holds the moment.
uint64_t WindowOf(uint64_t unix_seconds, const LearnLimits& limits);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_FACTS_H_

// SPDX-License-Identifier: Apache-2.0
// PartyTable: the rows of learn_parties, found by content. Thread safety: one thread at a time.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_PARTY_TABLE_H_
#define BULKHEAD_CONTROLPLANE_LEARN_PARTY_TABLE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/learn/evidence.h"
#include "controlplane/learn/learner.h"
#include "controlplane/store/database.h"

namespace bulkhead::learn {

class PartyTable {
 public:
  // `database` must outlive it.
  absl::Status Open(Database* database);

  // The row of an identity, added when it is new; 0: the lookup does not know the identity. Within a transaction.
  absl::StatusOr<int64_t> Row(IdentityId id, const Learner::IdentityLookup& lookup);

  // Deletes the rows that nothing refers to any more. Within a transaction.
  absl::Status DropUnused();

  // After a transaction that was rolled back: rows that it had added are not there.
  void Forget() { rows_.clear(); }

 private:
  using Content = std::tuple<PartyKind, std::string, std::string, std::string, std::string>;

  absl::Status FindOrAdd(const Content& content, IdentityId id, std::pair<int64_t, IdentityId>* row);

  Database* database_ = nullptr;
  Statement find_, add_, touch_;
  std::map<Content, std::pair<int64_t, IdentityId>> rows_;  // row number, latest identity
};

// Labels as one string of bytes and back: "LENGTH:bytes" for each key and value in turn.
std::string PackLabels(const Labels& labels);
absl::StatusOr<Labels> UnpackLabels(std::string_view bytes);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_PARTY_TABLE_H_

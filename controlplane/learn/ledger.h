// SPDX-License-Identifier: Apache-2.0
// Ledger: the evidence in SQLite, and how far each edge of the dataplane has been written down.
//
//   learn_parties    who: kind, namespace, service, labels, image digest
//   learn_edges      evidence: totals over all time, one row for each (source, destination, protocol, port, verdict, peer)
//   learn_baselines  the dataplane's own totals at the last drain, by the dataplane's key; the next drain takes differences to them
//
// Evidence and baselines change in one transaction, so a crash between two drains neither loses nor doubles anything.
// Thread safety: one thread at a time.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_LEDGER_H_
#define BULKHEAD_CONTROLPLANE_LEARN_LEDGER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/learn/evidence.h"
#include "controlplane/learn/learner.h"
#include "controlplane/store/database.h"

namespace bulkhead::learn {

// An edge of the dataplane that has not been seen there for so long is gone, and its baseline with it. Seconds.
inline constexpr uint64_t kBaselineLife = 3600;

class Ledger {
 public:
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(const std::string& path, const LearnLimits& limits);

  absl::StatusOr<RecordResult> Record(const std::vector<EdgeRecord>& edges, const Learner::IdentityLookup& lookup,
                                      const LearnMoment& now);
  absl::StatusOr<Evidence> Load();

 private:
  struct Key {
    IdentityId source, destination;
    uint8_t protocol;
    uint16_t port;
    uint8_t verdict;
    IpAddress peer;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };
  struct Baseline {
    uint64_t created = 0;  // first_seen in the dataplane: tells one life of the edge there from the next
    uint64_t flows = 0, answered = 0, denied = 0;
    uint64_t seen_at = 0;  // Unix seconds of the last drain that had it; 0 = read from disk, not seen since
  };
  struct Change {
    Key key;
    Baseline next;
    uint64_t flows = 0, answered = 0, denied = 0;  // to add
    uint64_t first_seen = 0, last_seen = 0;        // Unix seconds
  };
  using Baselines = std::unordered_map<Key, Baseline, KeyHash>;
  using PartyContent = std::tuple<PartyKind, std::string, std::string, std::string, std::string>;

  Ledger(std::unique_ptr<Database> database, const LearnLimits& limits) : database_(std::move(database)), limits_(limits) {}
  absl::Status Prepare();
  absl::Status LoadBaselines();

  static Key KeyOf(const EdgeRecord& edge);
  std::vector<Change> Changes(const std::vector<EdgeRecord>& edges, const LearnMoment& now);
  // The difference to the baseline; false if there is none.
  bool Differs(const EdgeRecord& edge, const LearnMoment& now, Change* change) const;
  absl::StatusOr<int64_t> PartyRow(IdentityId id, const Learner::IdentityLookup& lookup, bool* known);
  absl::Status Write(const Change& change, int64_t source, int64_t destination);
  absl::Status Drop(const std::vector<Key>& keys);
  absl::StatusOr<uint64_t> Forget();
  // The baselines that are no longer needed.
  std::vector<Key> Outlived(uint64_t now) const;

  std::unique_ptr<Database> database_;
  LearnLimits limits_;
  Statement add_edge_, put_baseline_, drop_baseline_, find_party_, add_party_, touch_party_, count_edges_, forget_edges_;
  Baselines baselines_;
  std::map<PartyContent, std::pair<int64_t, IdentityId>> party_rows_;
};

// Labels as one string of bytes and back: "LENGTH:bytes" for each key and value in turn.
std::string PackLabels(const Labels& labels);
absl::StatusOr<Labels> UnpackLabels(std::string_view bytes);

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_LEDGER_H_

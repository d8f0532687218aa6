// SPDX-License-Identifier: Apache-2.0
// Ledger: the evidence in SQLite (schema.h), and how far each edge of the dataplane has been written down.
//
// Room that rows leave is used again; where much is left, the file gets smaller, a little with each drain.
// Evidence and baselines change in one transaction, so a crash between two drains neither loses nor doubles anything.
// Thread safety: one thread at a time.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_LEDGER_H_
#define BULKHEAD_CONTROLPLANE_LEARN_LEDGER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/learn/evidence.h"
#include "controlplane/learn/facts.h"
#include "controlplane/learn/learner.h"
#include "controlplane/learn/party_table.h"
#include "controlplane/learn/scan_watch.h"
#include "controlplane/store/database.h"

namespace bulkhead::learn {

// An edge of the dataplane that has not been seen there for so long is gone, and its baseline with it. Seconds.
inline constexpr uint64_t kBaselineLife = 3600;

class Ledger {
 public:
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(const std::string& path, const LearnLimits& limits);

  absl::StatusOr<RecordResult> Record(const std::vector<EdgeRecord>& edges, const Learner::IdentityLookup& lookup,
                                      const LearnMoment& now);
  absl::Status RecordNames(const std::vector<SeenName>& names, const LearnMoment& now);
  absl::Status RecordListeners(const std::vector<Listener>& listeners, const Learner::IdentityLookup& lookup,
                               const LearnMoment& now);
  absl::Status RecordPresence(const std::vector<Presence>& presence, const Learner::IdentityLookup& lookup, const LearnMoment& now);

  absl::Status Decide(const Decision& decision);

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
    uint64_t source_workloads = 0, destination_workloads = 0;
    uint64_t seen_at = 0;  // Unix seconds of the last drain that had it; 0 = read from disk, not seen since
  };
  struct Change {
    Key key;
    Baseline next;
    uint64_t flows = 0, answered = 0, denied = 0;              // to add
    uint64_t source_workloads = 0, destination_workloads = 0;  // new bits
    uint64_t first_seen = 0, last_seen = 0;                    // Unix seconds
  };
  using Baselines = std::unordered_map<Key, Baseline, KeyHash>;

  Ledger(std::unique_ptr<Database> database, const LearnLimits& limits) : database_(std::move(database)), limits_(limits) {}
  absl::Status Prepare();
  absl::Status LoadBaselines();

  static Key KeyOf(const EdgeRecord& edge);
  std::vector<Change> Changes(const std::vector<EdgeRecord>& edges, const LearnMoment& now);
  // The difference to the baseline; false if there is none.
  bool Differs(const EdgeRecord& edge, const LearnMoment& now, Change* change) const;
  // The changes whose parties are known, put into `written`.
  absl::Status WriteAll(const std::vector<Change>& changes, const Learner::IdentityLookup& lookup, uint64_t* unattributed,
                        uint64_t now, std::vector<const Change*>* written);
  absl::Status Write(const Change& change, int64_t source, int64_t destination, uint64_t now);
  void Watch(const Change& change, int64_t source, int64_t edge, uint64_t now);
  absl::Status WriteWindow(const Change& change, int64_t edge);
  absl::Status Drop(const std::vector<Key>& keys);
  // Keeps edges and windows within their limits; how many edges gave way.
  absl::StatusOr<uint64_t> Forget();
  // What has not been seen for retain_seconds goes; once in each window.
  absl::Status Expire(uint64_t now);
  absl::Status DropOrphans();
  absl::Status FoldWindows(uint64_t until_start);
  absl::StatusOr<uint64_t> Count(Statement* count);
  // A transaction of `body`; when it fails, nothing that was cached of it stays.
  absl::Status Transaction(const std::function<absl::Status()>& body);
  // The baselines that are no longer needed.
  std::vector<Key> Outlived(uint64_t now) const;

  std::unique_ptr<Database> database_;
  LearnLimits limits_;
  Statement add_edge_, add_window_, put_baseline_, drop_baseline_, count_edges_, count_windows_, forget_edges_, nth_window_;
  Baselines baselines_;
  PartyTable parties_;
  Facts facts_;
  ScanWatch watch_;
  uint64_t window_rows_ = 0;  // at most so many
  uint64_t expired_in_ = 0;   // the window in which Expire ran last
};

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_LEDGER_H_

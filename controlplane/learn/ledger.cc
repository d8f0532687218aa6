// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/ledger.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/learn/schema.h"

namespace bulkhead::learn {
namespace {

// The dataplane's clock is turned into ours anew at each drain, so the same birth differs by the time between two clock readings.
// An edge that is dropped and made again within a second, with no lower totals, is taken for the old one: some flows are not
// counted.
constexpr uint64_t kSameBirthNs = 1'000'000'000;

// Of the file, given back by one drain after rows have gone: 1 MiB.
constexpr uint32_t kTrimPages = 256;

int64_t Signed(uint64_t value) { return static_cast<int64_t>(value); }

// Multicast and broadcast: nobody in particular has to answer.
bool IsForMany(const IpAddress& peer) {
  if (!peer.IsV4()) return peer.bytes[0] == 0xff;
  return peer.bytes[0] >= 224;
}

uint64_t UnixOf(uint64_t clock_ns, const LearnMoment& now) {
  const uint64_t ago = now.edge_clock_ns > clock_ns ? (now.edge_clock_ns - clock_ns) / 1'000'000'000 : 0;
  return now.unix_seconds > ago ? now.unix_seconds - ago : 0;
}

}  // namespace

size_t Ledger::KeyHash::operator()(const Key& key) const {
  const std::string_view peer(reinterpret_cast<const char*>(key.peer.bytes.data()), key.peer.bytes.size());
  const uint64_t who = (uint64_t{key.source} << 32) | key.destination;
  const uint64_t what =
      (uint64_t{key.protocol} << 32) | (uint64_t{key.port} << 16) | (uint64_t{key.verdict} << 8) | key.peer.family;
  // The multipliers are odd and random: they only spread keys over buckets.
  return std::hash<std::string_view>()(peer) ^ (who * 0x9e3779b97f4a7c15ull) ^ (what * 0xc2b2ae3d27d4eb4full);
}

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(const std::string& path, const LearnLimits& limits) {
  auto database = Database::Open(path);
  if (!database.ok()) return database.status();
  std::unique_ptr<Ledger> ledger(new Ledger(*std::move(database), limits));
  if (auto status = ledger->database_->Migrate("learn", SchemaSteps()); !status.ok()) return status;
  if (auto status = ledger->Prepare(); !status.ok()) return status;
  if (auto status = ledger->LoadBaselines(); !status.ok()) return status;
  return ledger;
}

absl::Status Ledger::Prepare() {
  const std::pair<Statement*, const char*> all[] = {
      {&add_edge_,
       "INSERT INTO learn_edges (source, destination, protocol, port, verdict, peer, flows, answered, denied, first_seen, "
       "last_seen, "
       "source_workloads, destination_workloads) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13) "
       "ON CONFLICT DO UPDATE SET flows = flows + ?7, answered = answered + ?8, denied = denied + ?9, "
       "first_seen = min(first_seen, ?10), last_seen = max(last_seen, ?11), source_workloads = source_workloads | ?12, "
       "destination_workloads = destination_workloads | ?13 RETURNING id, answered > ?8"},
      {&add_window_,
       "INSERT INTO learn_windows VALUES (?1,?2,?3,?4,?5,?6,?7) ON CONFLICT DO UPDATE SET flows = flows + ?3, "
       "answered = answered + ?4, denied = denied + ?5, source_workloads = source_workloads | ?6, "
       "destination_workloads = destination_workloads | ?7"},
      {&put_baseline_, "INSERT OR REPLACE INTO learn_baselines VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)"},
      {&drop_baseline_,
       "DELETE FROM learn_baselines WHERE source = ?1 AND destination = ?2 AND protocol = ?3 AND port = ?4 AND verdict = ?5 "
       "AND peer = ?6"},
      {&count_edges_, "SELECT count(*) FROM learn_edges"},
      {&count_windows_, "SELECT count(*) FROM learn_windows"},
      {&nth_window_, "SELECT start FROM learn_windows ORDER BY start LIMIT 1 OFFSET ?1"},
      // Who only knocks from outside gives way first: a flood of addresses must not push out what was answered.
      {&forget_edges_,
       "DELETE FROM learn_edges WHERE id IN (SELECT id FROM learn_edges ORDER BY answered > 0, peer = '', last_seen LIMIT ?1)"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = database_->Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  if (auto status = parties_.Open(database_.get()); !status.ok()) return status;
  if (auto status = facts_.Open(database_.get(), &parties_, limits_); !status.ok()) return status;
  const auto rows = Count(&count_windows_);
  if (!rows.ok()) return rows.status();
  window_rows_ = *rows;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Ledger::Count(Statement* count) {
  const auto row = count->Step();
  if (!row.ok()) return row.status();
  const uint64_t rows = static_cast<uint64_t>(count->Int(0));
  count->Reset();
  return rows;
}

Ledger::Key Ledger::KeyOf(const EdgeRecord& edge) {
  const uint8_t protocol = edge.protocol == kProtoIcmp6 ? kProtoIcmp : edge.protocol;
  return {edge.source_identity, edge.destination_identity, protocol, edge.port, static_cast<uint8_t>(edge.verdict), edge.peer};
}

bool Ledger::Differs(const EdgeRecord& edge, const LearnMoment& now, Change* change) const {
  change->key = KeyOf(edge);
  change->next = {edge.first_seen, edge.flows, edge.answered, edge.denied, edge.source_workloads, edge.destination_workloads,
                  now.unix_seconds};
  Baseline old;
  if (const auto at = baselines_.find(change->key); at != baselines_.end()) old = at->second;
  const uint64_t apart = old.created > edge.first_seen ? old.created - edge.first_seen : edge.first_seen - old.created;
  const bool not_less = old.flows <= edge.flows && old.answered <= edge.answered && old.denied <= edge.denied;
  const bool same_life = apart < kSameBirthNs && not_less;
  if (!same_life) old = {};
  change->flows = edge.flows - old.flows;
  change->answered = edge.answered - old.answered;
  change->denied = edge.denied - old.denied;
  change->source_workloads = edge.source_workloads & ~old.source_workloads;
  change->destination_workloads = edge.destination_workloads & ~old.destination_workloads;
  change->first_seen = UnixOf(edge.first_seen, now);
  change->last_seen = std::max(UnixOf(edge.last_seen, now), change->first_seen);
  return (change->flows | change->answered | change->denied | change->source_workloads | change->destination_workloads) != 0;
}

absl::Status Ledger::WriteWindow(const Change& change, int64_t edge) {
  return add_window_.BindInt(1, edge)
      .BindInt(2, Signed(WindowOf(change.last_seen, limits_)))
      .BindInt(3, Signed(change.flows))
      .BindInt(4, Signed(change.answered))
      .BindInt(5, Signed(change.denied))
      .BindInt(6, Signed(change.source_workloads))
      .BindInt(7, Signed(change.destination_workloads))
      .Run();
}

void Ledger::Watch(const Change& change, int64_t source, int64_t edge, uint64_t now) {
  const Key& key = change.key;
  const bool outside = key.source == kIdentityWorld;
  if ((!outside && key.source < kFirstIdentity) || IsForMany(key.peer)) return;
  ScanWatch::Contact contact;
  contact.source = {source, outside ? key.peer : IpAddress{}};
  contact.edge = edge;
  contact.inside = key.destination >= kFirstIdentity;
  contact.answered = change.answered > 0;
  contact.workloads = change.next.source_workloads;
  watch_.See(contact, now, WindowOf(change.last_seen, limits_));
}

absl::Status Ledger::Write(const Change& change, int64_t source, int64_t destination, uint64_t now) {
  const auto bind = [&change](Statement& statement, int64_t from, int64_t to) -> Statement& {
    return statement.BindInt(1, from)
        .BindInt(2, to)
        .BindInt(3, change.key.protocol)
        .BindInt(4, change.key.port)
        .BindInt(5, change.key.verdict)
        .BindText(6, PeerText(change.key.peer));
  };
  const auto row = bind(add_edge_, source, destination)
                       .BindInt(7, Signed(change.flows))
                       .BindInt(8, Signed(change.answered))
                       .BindInt(9, Signed(change.denied))
                       .BindInt(10, Signed(change.first_seen))
                       .BindInt(11, Signed(change.last_seen))
                       .BindInt(12, Signed(change.source_workloads))
                       .BindInt(13, Signed(change.destination_workloads))
                       .Step();
  if (!row.ok()) return row.status();
  const int64_t edge = add_edge_.Int(0);
  const bool answered_before = add_edge_.Int(1) != 0;
  add_edge_.Reset();
  if (!answered_before) Watch(change, source, edge, now);
  if (auto status = WriteWindow(change, edge); !status.ok()) return status;
  return bind(put_baseline_, change.key.source, change.key.destination)
      .BindInt(7, Signed(change.next.created))
      .BindInt(8, Signed(change.next.flows))
      .BindInt(9, Signed(change.next.answered))
      .BindInt(10, Signed(change.next.denied))
      .BindInt(11, Signed(change.next.source_workloads))
      .BindInt(12, Signed(change.next.destination_workloads))
      .Run();
}

absl::Status Ledger::WriteAll(const std::vector<Change>& changes, const Learner::IdentityLookup& lookup, uint64_t* unattributed,
                              uint64_t now, std::vector<const Change*>* written) {
  for (const Change& change : changes) {
    const auto source = parties_.Row(change.key.source, lookup);
    if (!source.ok()) return source.status();
    const auto destination = parties_.Row(change.key.destination, lookup);
    if (!destination.ok()) return destination.status();
    if (*source == 0 || *destination == 0) {
      ++*unattributed;
      continue;
    }
    if (auto status = Write(change, *source, *destination, now); !status.ok()) return status;
    written->push_back(&change);
  }
  window_rows_ += written->size();
  return absl::OkStatus();
}

// Windows in quarantine are not counted: they never supported anything.
absl::Status Ledger::FoldWindows(uint64_t until_start) {
  const std::string old = absl::StrCat("start <= ", until_start);
  return database_->Exec(absl::StrCat(
      "UPDATE learn_edges SET folded_windows = folded_windows + (SELECT count(*) FROM learn_windows AS w WHERE w.edge = id AND "
      "w.answered > 0 AND w.",
      old,
      " AND NOT EXISTS (SELECT 1 FROM learn_quarantine AS q WHERE q.party = source AND q.start = w.start AND q.peer IN ('', "
      "learn_edges.peer))) WHERE id IN (SELECT edge FROM learn_windows WHERE ",
      old, "); DELETE FROM learn_windows WHERE ", old));
}

absl::StatusOr<uint64_t> Ledger::Forget() {
  if (window_rows_ > limits_.windows) {
    const auto rows = Count(&count_windows_);
    if (!rows.ok()) return rows.status();
    window_rows_ = *rows;
  }
  if (window_rows_ > limits_.windows) {
    const auto found = nth_window_.BindInt(1, Signed(window_rows_ - limits_.windows + limits_.windows / 10)).Step();
    if (!found.ok()) return found.status();
    const uint64_t start = *found ? static_cast<uint64_t>(nth_window_.Int(0)) : 0;
    nth_window_.Reset();
    if (auto status = FoldWindows(start); !status.ok()) return status;
  }
  const auto count = Count(&count_edges_);
  if (!count.ok()) return count.status();
  if (*count <= limits_.edges) return 0;
  // A tenth more than necessary, so that a flood does not pay for the sort at every drain.
  const uint64_t surplus = *count - limits_.edges + limits_.edges / 10;
  if (auto status = forget_edges_.BindInt(1, Signed(surplus)).Run(); !status.ok()) return status;
  const uint64_t forgotten = static_cast<uint64_t>(database_->Changes());
  if (auto status = DropOrphans(); !status.ok()) return status;
  return forgotten;
}

absl::Status Ledger::DropOrphans() {
  const auto status = database_->Exec("DELETE FROM learn_windows WHERE edge NOT IN (SELECT id FROM learn_edges)");
  return status.ok() ? parties_.DropUnused() : status;
}

absl::Status Ledger::Expire(uint64_t now) {
  const uint64_t window = WindowOf(now, limits_);
  if (window == expired_in_ || now <= limits_.retain_seconds) return absl::OkStatus();
  expired_in_ = window;
  const uint64_t before = now - limits_.retain_seconds;
  if (auto status = FoldWindows(before); !status.ok()) return status;
  const auto status = database_->Exec(absl::StrCat("DELETE FROM learn_edges WHERE last_seen < ", before));
  if (!status.ok()) return status;
  if (auto status = facts_.Expire(before); !status.ok()) return status;
  return DropOrphans();
}

std::vector<Ledger::Key> Ledger::Outlived(uint64_t now) const {
  // More lives than fit were begun within the hour (a flood): then only those that this drain has seen are kept.
  const bool crowded = baselines_.size() > 2 * limits_.edges;
  std::vector<Key> out;
  for (const auto& [key, baseline] : baselines_) {
    if (baseline.seen_at + (crowded ? 1 : kBaselineLife) <= now) out.push_back(key);
  }
  return out;
}

std::vector<Ledger::Change> Ledger::Changes(const std::vector<EdgeRecord>& edges, const LearnMoment& now) {
  for (auto& [key, baseline] : baselines_) {
    // What was read from disk gets its full life from the first drain on; so does everything when the clock was set back.
    if (baseline.seen_at == 0 || baseline.seen_at > now.unix_seconds) baseline.seen_at = now.unix_seconds;
  }
  std::vector<Change> out;
  std::unordered_map<Key, size_t, KeyHash> place;
  for (const EdgeRecord& edge : edges) {
    if (const auto at = baselines_.find(KeyOf(edge)); at != baselines_.end()) at->second.seen_at = now.unix_seconds;
    Change change;
    if (!Differs(edge, now, &change)) continue;
    // A walk over a hash that changes meanwhile may give an edge twice: the later sight holds the earlier.
    const auto [at, first] = place.emplace(change.key, out.size());
    if (first) {
      out.push_back(change);
    } else {
      out[at->second] = change;
    }
  }
  return out;
}

absl::Status Ledger::Drop(const std::vector<Key>& keys) {
  for (const Key& key : keys) {
    const auto status = drop_baseline_.BindInt(1, key.source)
                            .BindInt(2, key.destination)
                            .BindInt(3, key.protocol)
                            .BindInt(4, key.port)
                            .BindInt(5, key.verdict)
                            .BindText(6, PeerText(key.peer))
                            .Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Ledger::Transaction(const std::function<absl::Status()>& body) {
  const auto status = database_->Transaction(body);
  if (!status.ok()) {
    parties_.Forget();
    expired_in_ = 0;
  }
  return status;
}

absl::StatusOr<RecordResult> Ledger::Record(const std::vector<EdgeRecord>& edges, const Learner::IdentityLookup& lookup,
                                            const LearnMoment& now) {
  const std::vector<Change> changes = Changes(edges, now);
  const std::vector<Key> outlived = Outlived(now.unix_seconds);
  if (changes.empty() && outlived.empty() && !watch_.IsWaiting()) return RecordResult{};
  RecordResult result;
  std::vector<const Change*> written;
  ScanWatch before = watch_;
  const auto status = Transaction([&]() -> absl::Status {
    if (auto status = WriteAll(changes, lookup, &result.unattributed, now.unix_seconds, &written); !status.ok()) return status;
    const auto scanners = watch_.Judge(now.unix_seconds, WindowOf(now.unix_seconds, limits_), limits_.window_seconds);
    if (auto status = facts_.AddQuarantines(scanners); !status.ok()) return status;
    result.quarantined = scanners.size();
    if (auto status = Drop(outlived); !status.ok()) return status;
    if (auto status = Expire(now.unix_seconds); !status.ok()) return status;
    const auto forgotten = Forget();
    if (!forgotten.ok()) return forgotten.status();
    result.forgotten = *forgotten;
    return absl::OkStatus();
  });
  if (!status.ok()) {
    watch_ = std::move(before);  // what it found is not written, and rows of new edges are not there
    return status;
  }
  // All is written; what is not given back now will be.
  (void)database_->Trim(kTrimPages);
  for (const Key& key : outlived) baselines_.erase(key);
  for (const Change* change : written) baselines_[change->key] = change->next;
  result.changed = written.size();
  return result;
}

absl::Status Ledger::Decide(const Decision& decision) {
  return Transaction([&] { return facts_.AddDecision(decision); });
}

absl::Status Ledger::RecordNames(const std::vector<SeenName>& names, const LearnMoment& now) {
  if (names.empty()) return absl::OkStatus();
  return Transaction([&] { return facts_.AddNames(names, now.unix_seconds); });
}

absl::Status Ledger::RecordListeners(const std::vector<Listener>& listeners, const Learner::IdentityLookup& lookup,
                                     const LearnMoment& now) {
  if (listeners.empty()) return absl::OkStatus();
  return Transaction([&] { return facts_.AddListeners(listeners, lookup, now.unix_seconds); });
}

absl::Status Ledger::RecordPresence(const std::vector<Presence>& presence, const Learner::IdentityLookup& lookup,
                                    const LearnMoment& now) {
  if (presence.empty()) return absl::OkStatus();
  return Transaction([&] { return facts_.AddPresence(presence, lookup, now.unix_seconds); });
}

}  // namespace bulkhead::learn

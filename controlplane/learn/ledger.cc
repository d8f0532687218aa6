// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/ledger.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bulkhead::learn {
namespace {

const std::vector<std::string>& Steps() {
  static const auto& steps = *new std::vector<std::string>{
      R"(CREATE TABLE learn_parties (
           id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, ns TEXT NOT NULL, service TEXT NOT NULL, labels BLOB NOT NULL,
           digest TEXT NOT NULL, latest INTEGER NOT NULL, UNIQUE (kind, ns, service, labels, digest));
         CREATE TABLE learn_edges (
           source INTEGER NOT NULL, destination INTEGER NOT NULL, protocol INTEGER NOT NULL, port INTEGER NOT NULL,
           verdict INTEGER NOT NULL, peer TEXT NOT NULL, flows INTEGER NOT NULL, answered INTEGER NOT NULL, denied INTEGER NOT NULL,
           first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
           PRIMARY KEY (source, destination, protocol, port, verdict, peer)) WITHOUT ROWID;
         CREATE TABLE learn_baselines (
           source INTEGER NOT NULL, destination INTEGER NOT NULL, protocol INTEGER NOT NULL, port INTEGER NOT NULL,
           verdict INTEGER NOT NULL, peer TEXT NOT NULL, created INTEGER NOT NULL, flows INTEGER NOT NULL, answered INTEGER NOT NULL,
           denied INTEGER NOT NULL, PRIMARY KEY (source, destination, protocol, port, verdict, peer)) WITHOUT ROWID;)",
  };
  return steps;
}

// The dataplane's clock is turned into ours anew at each drain, so the same birth differs by the time between two clock readings.
// An edge that is dropped and made again within a second, with no lower totals, is taken for the old one: some flows are not
// counted.
constexpr uint64_t kSameBirthNs = 1'000'000'000;

std::string PeerText(const IpAddress& peer) { return peer.IsUnspecified() && peer.IsV4() ? "" : peer.ToString(); }
IpAddress PeerOf(const std::string& text) { return IpAddress::Parse(text).value_or(IpAddress{}); }

uint64_t UnixOf(uint64_t clock_ns, const LearnMoment& now) {
  const uint64_t ago = now.edge_clock_ns > clock_ns ? (now.edge_clock_ns - clock_ns) / 1'000'000'000 : 0;
  return now.unix_seconds > ago ? now.unix_seconds - ago : 0;
}

PartyKind KindOf(IdentityId id) {
  switch (id) {
    case kIdentityHost:
      return PartyKind::kHost;
    case kIdentityWorld:
      return PartyKind::kWorld;
    default:
      return id < kFirstIdentity ? PartyKind::kUnknown : PartyKind::kService;
  }
}

}  // namespace

std::string PackLabels(const Labels& labels) {
  std::string out;
  for (const auto& [key, value] : labels) absl::StrAppend(&out, key.size(), ":", key, value.size(), ":", value);
  return out;
}

absl::StatusOr<Labels> UnpackLabels(std::string_view bytes) {
  const auto take = [&bytes]() -> std::optional<std::string> {
    size_t length = 0;
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), length);
    const size_t digits = static_cast<size_t>(end - bytes.data());
    if (error != std::errc() || digits >= bytes.size() || bytes[digits] != ':') return std::nullopt;
    if (length > bytes.size() - digits - 1) return std::nullopt;
    std::string out(bytes.substr(digits + 1, length));
    bytes.remove_prefix(digits + 1 + length);
    return out;
  };
  Labels labels;
  while (!bytes.empty()) {
    const auto key = take();
    const auto value = take();
    if (!key || !value) return absl::DataLossError("learn_parties: labels cannot be read");
    labels[*key] = *value;
  }
  return labels;
}

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
  if (auto status = ledger->database_->Migrate("learn", Steps()); !status.ok()) return status;
  if (auto status = ledger->Prepare(); !status.ok()) return status;
  if (auto status = ledger->LoadBaselines(); !status.ok()) return status;
  return ledger;
}

absl::Status Ledger::Prepare() {
  const std::pair<Statement*, const char*> all[] = {
      {&add_edge_,
       "INSERT INTO learn_edges VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11) ON CONFLICT DO UPDATE SET flows = flows + ?7, "
       "answered = answered + ?8, denied = denied + ?9, first_seen = min(first_seen, ?10), last_seen = max(last_seen, ?11)"},
      {&put_baseline_, "INSERT OR REPLACE INTO learn_baselines VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)"},
      {&drop_baseline_,
       "DELETE FROM learn_baselines WHERE source = ?1 AND destination = ?2 AND protocol = ?3 AND port = ?4 AND verdict = ?5 "
       "AND peer = ?6"},
      {&find_party_,
       "SELECT id, latest FROM learn_parties WHERE kind = ?1 AND ns = ?2 AND service = ?3 AND labels = ?4 AND digest = ?5"},
      {&add_party_, "INSERT INTO learn_parties (kind, ns, service, labels, digest, latest) VALUES (?1,?2,?3,?4,?5,?6)"},
      {&touch_party_, "UPDATE learn_parties SET latest = ?2 WHERE id = ?1"},
      {&count_edges_, "SELECT count(*) FROM learn_edges"},
      // Who only knocks from outside gives way first: a flood of addresses must not push out what was answered.
      {&forget_edges_,
       "DELETE FROM learn_edges WHERE (source, destination, protocol, port, verdict, peer) IN (SELECT source, destination, "
       "protocol, "
       "port, verdict, peer FROM learn_edges ORDER BY answered > 0, peer = '', last_seen LIMIT ?1)"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = database_->Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  return absl::OkStatus();
}

absl::Status Ledger::LoadBaselines() {
  auto rows = database_->Prepare(
      "SELECT source, destination, protocol, port, verdict, peer, created, flows, answered, denied FROM learn_baselines");
  if (!rows.ok()) return rows.status();
  while (true) {
    const auto row = rows->Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    const Key key{static_cast<IdentityId>(rows->Int(0)), static_cast<IdentityId>(rows->Int(1)), static_cast<uint8_t>(rows->Int(2)),
                  static_cast<uint16_t>(rows->Int(3)),   static_cast<uint8_t>(rows->Int(4)),    PeerOf(rows->Text(5))};
    const auto count = [&rows](int column) { return static_cast<uint64_t>(rows->Int(column)); };
    baselines_[key] = {count(6), count(7), count(8), count(9), 0};
  }
}

Ledger::Key Ledger::KeyOf(const EdgeRecord& edge) {
  const uint8_t protocol = edge.protocol == kProtoIcmp6 ? kProtoIcmp : edge.protocol;
  return {edge.source_identity, edge.destination_identity, protocol, edge.port, static_cast<uint8_t>(edge.verdict), edge.peer};
}

bool Ledger::Differs(const EdgeRecord& edge, const LearnMoment& now, Change* change) const {
  change->key = KeyOf(edge);
  change->next = {edge.first_seen, edge.flows, edge.answered, edge.denied, now.unix_seconds};
  Baseline old;
  if (const auto at = baselines_.find(change->key); at != baselines_.end()) old = at->second;
  const uint64_t apart = old.created > edge.first_seen ? old.created - edge.first_seen : edge.first_seen - old.created;
  const bool not_less = old.flows <= edge.flows && old.answered <= edge.answered && old.denied <= edge.denied;
  const bool same_life = apart < kSameBirthNs && not_less;
  if (!same_life) old = {};
  change->flows = edge.flows - old.flows;
  change->answered = edge.answered - old.answered;
  change->denied = edge.denied - old.denied;
  change->first_seen = UnixOf(edge.first_seen, now);
  change->last_seen = std::max(UnixOf(edge.last_seen, now), change->first_seen);
  return change->flows != 0 || change->answered != 0 || change->denied != 0;
}

absl::StatusOr<int64_t> Ledger::PartyRow(IdentityId id, const Learner::IdentityLookup& lookup, bool* known) {
  const PartyKind kind = KindOf(id);
  PartyContent content{kind, "", "", "", ""};
  if (kind == PartyKind::kService) {
    const Identity* identity = lookup(id);
    *known = identity != nullptr;
    if (identity == nullptr) return 0;
    content = {kind, identity->ns, identity->service, PackLabels(identity->labels), identity->image_digest};
  }
  auto& [row, latest] = party_rows_[content];
  if (row == 0) {
    const auto bind = [&content](Statement& statement) -> Statement& {
      return statement.BindInt(1, static_cast<int64_t>(std::get<0>(content)))
          .BindText(2, std::get<1>(content))
          .BindText(3, std::get<2>(content))
          .BindBlob(4, std::get<3>(content))
          .BindText(5, std::get<4>(content));
    };
    const auto found = bind(find_party_).Step();
    if (!found.ok()) return found.status();
    if (*found) {
      row = find_party_.Int(0);
      latest = static_cast<IdentityId>(find_party_.Int(1));
      find_party_.Reset();
    } else {
      if (auto status = bind(add_party_).BindInt(6, id).Run(); !status.ok()) return status;
      row = database_->LastInsertId();
      latest = id;
    }
  }
  if (latest != id) {
    if (auto status = touch_party_.BindInt(1, row).BindInt(2, id).Run(); !status.ok()) return status;
    latest = id;
  }
  return row;
}

absl::Status Ledger::Write(const Change& change, int64_t source, int64_t destination) {
  const auto bind = [&change](Statement& statement, int64_t from, int64_t to) -> Statement& {
    return statement.BindInt(1, from)
        .BindInt(2, to)
        .BindInt(3, change.key.protocol)
        .BindInt(4, change.key.port)
        .BindInt(5, change.key.verdict)
        .BindText(6, PeerText(change.key.peer));
  };
  const auto number = [](uint64_t value) { return static_cast<int64_t>(value); };
  auto status = bind(add_edge_, source, destination)
                    .BindInt(7, number(change.flows))
                    .BindInt(8, number(change.answered))
                    .BindInt(9, number(change.denied))
                    .BindInt(10, number(change.first_seen))
                    .BindInt(11, number(change.last_seen))
                    .Run();
  if (!status.ok()) return status;
  return bind(put_baseline_, change.key.source, change.key.destination)
      .BindInt(7, number(change.next.created))
      .BindInt(8, number(change.next.flows))
      .BindInt(9, number(change.next.answered))
      .BindInt(10, number(change.next.denied))
      .Run();
}

absl::StatusOr<uint64_t> Ledger::Forget() {
  const auto counted = count_edges_.Step();
  if (!counted.ok()) return counted.status();
  const uint64_t count = static_cast<uint64_t>(count_edges_.Int(0));
  count_edges_.Reset();
  if (count <= limits_.edges) return 0;
  // A tenth more than necessary, so that a flood does not pay for the sort at every drain.
  const uint64_t surplus = count - limits_.edges + limits_.edges / 10;
  if (auto status = forget_edges_.BindInt(1, static_cast<int64_t>(surplus)).Run(); !status.ok()) return status;
  const uint64_t forgotten = static_cast<uint64_t>(database_->Changes());
  party_rows_.clear();
  const auto status = database_->Exec(
      "DELETE FROM learn_parties WHERE id NOT IN (SELECT source FROM learn_edges UNION SELECT destination FROM learn_edges)");
  if (!status.ok()) return status;
  return forgotten;
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

absl::StatusOr<RecordResult> Ledger::Record(const std::vector<EdgeRecord>& edges, const Learner::IdentityLookup& lookup,
                                            const LearnMoment& now) {
  const std::vector<Change> changes = Changes(edges, now);
  const std::vector<Key> outlived = Outlived(now.unix_seconds);
  if (changes.empty() && outlived.empty()) return RecordResult{};
  RecordResult result;
  std::vector<const Change*> written;
  const auto status = database_->Transaction([&]() -> absl::Status {
    for (const Change& change : changes) {
      bool known = true;
      const auto source = PartyRow(change.key.source, lookup, &known);
      if (!source.ok()) return source.status();
      const auto destination = known ? PartyRow(change.key.destination, lookup, &known) : source;
      if (!destination.ok()) return destination.status();
      if (!known) {
        ++result.unattributed;
        continue;
      }
      if (auto status = Write(change, *source, *destination); !status.ok()) return status;
      written.push_back(&change);
    }
    if (auto status = Drop(outlived); !status.ok()) return status;
    const auto forgotten = Forget();
    if (!forgotten.ok()) return forgotten.status();
    result.forgotten = *forgotten;
    return absl::OkStatus();
  });
  if (!status.ok()) {
    party_rows_.clear();  // rows that were added are rolled back
    return status;
  }
  for (const Key& key : outlived) baselines_.erase(key);
  for (const Change* change : written) baselines_[change->key] = change->next;
  result.changed = written.size();
  return result;
}

absl::StatusOr<Evidence> Ledger::Load() {
  Evidence evidence;
  std::map<int64_t, size_t> index;
  auto parties = database_->Prepare("SELECT id, kind, ns, service, labels, digest, latest FROM learn_parties ORDER BY id");
  if (!parties.ok()) return parties.status();
  while (true) {
    const auto row = parties->Step();
    if (!row.ok()) return row.status();
    if (!*row) break;
    auto labels = UnpackLabels(parties->Blob(4));
    if (!labels.ok()) return labels.status();
    const int64_t kind = parties->Int(1);
    if (kind < 0 || kind > static_cast<int64_t>(PartyKind::kService)) return absl::DataLossError("learn_parties: unknown kind");
    index[parties->Int(0)] = evidence.parties.size();
    evidence.parties.push_back({static_cast<PartyKind>(kind), parties->Text(2), parties->Text(3), *std::move(labels),
                                parties->Text(5), static_cast<IdentityId>(parties->Int(6))});
  }
  auto edges = database_->Prepare(
      "SELECT source, destination, protocol, port, verdict, peer, flows, answered, denied, first_seen, last_seen FROM learn_edges "
      "ORDER BY source, destination, protocol, port, verdict, peer");
  if (!edges.ok()) return edges.status();
  while (true) {
    const auto row = edges->Step();
    if (!row.ok()) return row.status();
    if (!*row) return evidence;
    const auto source = index.find(edges->Int(0));
    const auto destination = index.find(edges->Int(1));
    if (source == index.end() || destination == index.end()) return absl::DataLossError("learn_edges: a party is missing");
    const auto number = [&edges](int column) { return static_cast<uint64_t>(edges->Int(column)); };
    evidence.edges.push_back({source->second, destination->second, static_cast<uint8_t>(edges->Int(2)),
                              static_cast<uint16_t>(edges->Int(3)), static_cast<Verdict>(edges->Int(4)), PeerOf(edges->Text(5)),
                              number(6), number(7), number(8), number(9), number(10)});
  }
}

}  // namespace bulkhead::learn

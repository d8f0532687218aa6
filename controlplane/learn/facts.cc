// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/facts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bulkhead::learn {

std::string HostName(std::string_view name) {
  constexpr size_t kMaxName = 253;
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  if (name.empty() || name.size() > kMaxName) return "";
  std::string out;
  for (const char c : name) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    const bool fits =
        (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '-' || lower == '_' || lower == '.';
    if (!fits) return "";
    out += lower;
  }
  return out;
}

std::string PeerText(const IpAddress& peer) { return peer.IsUnspecified() && peer.IsV4() ? "" : peer.ToString(); }

uint64_t WindowOf(uint64_t unix_seconds, const LearnLimits& limits) {
  const uint64_t length = std::max<uint64_t>(limits.window_seconds, 1);
  return unix_seconds - unix_seconds % length;
}

absl::Status Facts::Open(Database* database, PartyTable* parties, const LearnLimits& limits) {
  database_ = database;
  parties_ = parties;
  limits_ = limits;
  const std::pair<Statement*, const char*> all[] = {
      {&add_name_, "INSERT INTO learn_names VALUES (?1,?2,?3,?3) ON CONFLICT DO UPDATE SET last_seen = max(last_seen, ?3)"},
      {&add_listener_,
       "INSERT INTO learn_listeners VALUES (?1,?2,?3,?4,?4,1,?5) ON CONFLICT DO UPDATE SET last_seen = max(last_seen, ?4), "
       "windows = windows + (last_window != ?5), last_window = ?5"},
      {&add_presence_,
       "INSERT INTO learn_presence VALUES (?1,?2,?3,?4) ON CONFLICT DO UPDATE SET workload_ms = workload_ms + ?3, "
       "at_once = max(at_once, ?4)"},
      {&add_quarantine_,
       "INSERT INTO learn_quarantine VALUES (?1,?2,?3,?4,?5,?6,?7) ON CONFLICT DO UPDATE SET "
       "workloads = iif(workloads = 0 OR ?4 = 0, 0, workloads | ?4), reason = min(reason, ?5), contacts = max(contacts, ?6), "
       "failures = max(failures, ?7)"},
      {&add_decision_,
       "INSERT INTO learn_decisions (source_kind, source_ns, source_service, destination_kind, destination_ns, "
       "destination_service, "
       "protocol, port, accepted, who, made_at) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = database_->Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = *std::move(prepared);
  }
  return absl::OkStatus();
}

absl::Status Facts::AddNames(const std::vector<SeenName>& names, uint64_t now) {
  for (const SeenName& seen : names) {
    const std::string name = HostName(seen.name);
    if (name.empty() || seen.address.IsUnspecified()) continue;
    const auto status =
        add_name_.BindText(1, seen.address.ToString()).BindText(2, name).BindInt(3, static_cast<int64_t>(now)).Run();
    if (!status.ok()) return status;
  }
  return Bound("learn_names", "address, name", "last_seen", limits_.names);
}

absl::Status Facts::AddListeners(const std::vector<Listener>& listeners, const Learner::IdentityLookup& lookup, uint64_t now) {
  for (const Listener& listener : listeners) {
    if (listener.identity < kFirstIdentity || listener.port == 0) continue;
    const auto party = parties_->Row(listener.identity, lookup);
    if (!party.ok()) return party.status();
    if (*party == 0) continue;
    const auto status = add_listener_.BindInt(1, *party)
                            .BindInt(2, listener.protocol)
                            .BindInt(3, listener.port)
                            .BindInt(4, static_cast<int64_t>(now))
                            .BindInt(5, static_cast<int64_t>(WindowOf(now, limits_)))
                            .Run();
    if (!status.ok()) return status;
  }
  return Bound("learn_listeners", "party, protocol, port", "last_seen", limits_.listeners);
}

absl::Status Facts::AddPresence(const std::vector<Presence>& presence, const Learner::IdentityLookup& lookup, uint64_t now) {
  for (const Presence& present : presence) {
    if (present.identity < kFirstIdentity || present.workload_ms == 0) continue;
    const auto party = parties_->Row(present.identity, lookup);
    if (!party.ok()) return party.status();
    if (*party == 0) continue;
    const auto status = add_presence_.BindInt(1, *party)
                            .BindInt(2, static_cast<int64_t>(WindowOf(now, limits_)))
                            .BindInt(3, static_cast<int64_t>(std::min<uint64_t>(present.workload_ms, INT32_MAX)))
                            .BindInt(4, static_cast<int64_t>(std::min<uint64_t>(present.at_once, INT32_MAX)))
                            .Run();
    if (!status.ok()) return status;
  }
  return Bound("learn_presence", "party, start", "start", limits_.presence);
}

absl::Status Facts::AddQuarantines(const std::vector<ScanWatch::Found>& found) {
  if (found.empty()) return absl::OkStatus();
  for (const ScanWatch::Found& one : found) {
    const auto status = add_quarantine_.BindInt(1, one.source.party)
                            .BindText(2, PeerText(one.source.peer))
                            .BindInt(3, static_cast<int64_t>(one.start))
                            .BindInt(4, static_cast<int64_t>(one.workloads))
                            .BindInt(5, static_cast<int64_t>(one.reason))
                            .BindInt(6, static_cast<int64_t>(one.contacts))
                            .BindInt(7, static_cast<int64_t>(one.failures))
                            .Run();
    if (!status.ok()) return status;
  }
  // Sources outside can be made up at will: they must not push out a scanner inside.
  return Bound("learn_quarantine", "party, peer, start", "peer = '', start", limits_.quarantines);
}

absl::Status Facts::AddDecision(const Decision& decision) {
  const auto rows = Rows("learn_decisions");
  if (!rows.ok()) return rows.status();
  if (*rows >= limits_.decisions) {
    return absl::ResourceExhaustedError(absl::StrCat("there are ", *rows, " decisions on edges, and no room for more"));
  }
  return add_decision_.BindInt(1, static_cast<int64_t>(decision.source.kind))
      .BindText(2, decision.source.ns)
      .BindText(3, decision.source.service)
      .BindInt(4, static_cast<int64_t>(decision.destination.kind))
      .BindText(5, decision.destination.ns)
      .BindText(6, decision.destination.service)
      .BindInt(7, decision.protocol)
      .BindInt(8, decision.port)
      .BindInt(9, decision.accepted ? 1 : 0)
      .BindText(10, decision.who)
      .BindInt(11, static_cast<int64_t>(decision.made_at))
      .Run();
}

absl::StatusOr<uint64_t> Facts::Rows(const char* table) {
  auto count = database_->Prepare(absl::StrCat("SELECT count(*) FROM ", table));
  if (!count.ok()) return count.status();
  const auto row = count->Step();
  if (!row.ok()) return row.status();
  return static_cast<uint64_t>(count->Int(0));
}

absl::Status Facts::Bound(const char* table, const char* key, const char* age, uint64_t limit) {
  const auto rows = Rows(table);
  if (!rows.ok()) return rows.status();
  if (*rows <= limit) return absl::OkStatus();
  // A tenth more than necessary, so that a flood does not pay for the sort at every call.
  const uint64_t surplus = *rows - limit + limit / 10;
  return database_->Exec(absl::StrCat("DELETE FROM ", table, " WHERE (", key, ") IN (SELECT ", key, " FROM ", table, " ORDER BY ",
                                      age, " LIMIT ", surplus, ")"));
}

absl::Status Facts::Expire(uint64_t before) {
  return database_->Exec(
      absl::StrCat("DELETE FROM learn_names WHERE last_seen < ", before, "; DELETE FROM learn_listeners WHERE last_seen < ", before,
                   "; DELETE FROM learn_presence WHERE start < ", before, "; DELETE FROM learn_quarantine WHERE start < ", before));
}

}  // namespace bulkhead::learn

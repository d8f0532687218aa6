// SPDX-License-Identifier: Apache-2.0
// The reading half of the ledger: rows to values.
#include <map>
#include <utility>

#include "controlplane/learn/ledger.h"

namespace bulkhead::learn {
namespace {

using Index = std::map<int64_t, size_t>;  // row number -> place in a vector

IpAddress PeerOf(const std::string& text) { return IpAddress::Parse(text).value_or(IpAddress{}); }

// Calls `take` for each row.
absl::Status Each(Database* database, const char* sql, const std::function<absl::Status(const Statement&)>& take) {
  auto rows = database->Prepare(sql);
  if (!rows.ok()) return rows.status();
  while (true) {
    const auto row = rows->Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    if (auto status = take(*rows); !status.ok()) return status;
  }
}

uint64_t Number(const Statement& row, int column) { return static_cast<uint64_t>(row.Int(column)); }

absl::Status ReadParties(Database* database, Evidence* evidence, Index* index) {
  return Each(database, "SELECT id, kind, ns, service, labels, digest, latest FROM learn_parties ORDER BY id",
              [&](const Statement& row) -> absl::Status {
                auto labels = UnpackLabels(row.Blob(4));
                if (!labels.ok()) return labels.status();
                const int64_t kind = row.Int(1);
                if (kind < 0 || kind > static_cast<int64_t>(PartyKind::kService))
                  return absl::DataLossError("learn_parties: unknown kind");
                (*index)[row.Int(0)] = evidence->parties.size();
                evidence->parties.push_back({static_cast<PartyKind>(kind), row.Text(2), row.Text(3), *std::move(labels),
                                             row.Text(5), static_cast<IdentityId>(row.Int(6))});
                return absl::OkStatus();
              });
}

absl::Status ReadEdges(Database* database, const Index& parties, Evidence* evidence, Index* index) {
  return Each(database,
              "SELECT source, destination, protocol, port, verdict, peer, flows, answered, denied, first_seen, last_seen, "
              "source_workloads, destination_workloads, folded_windows, id FROM learn_edges "
              "ORDER BY source, destination, protocol, port, verdict, peer",
              [&](const Statement& row) -> absl::Status {
                const auto source = parties.find(row.Int(0));
                const auto destination = parties.find(row.Int(1));
                if (source == parties.end() || destination == parties.end())
                  return absl::DataLossError("learn_edges: a party is missing");
                const int64_t verdict = row.Int(4);
                if (verdict < 0 || verdict > static_cast<int64_t>(Verdict::kWouldDeny))
                  return absl::DataLossError("learn_edges: unknown verdict");
                (*index)[row.Int(14)] = evidence->edges.size();
                Edge edge;
                edge.source = source->second;
                edge.destination = destination->second;
                edge.protocol = static_cast<uint8_t>(row.Int(2));
                edge.port = static_cast<uint16_t>(row.Int(3));
                edge.verdict = static_cast<Verdict>(verdict);
                edge.peer = PeerOf(row.Text(5));
                edge.flows = Number(row, 6);
                edge.answered = Number(row, 7);
                edge.denied = Number(row, 8);
                edge.first_seen = Number(row, 9);
                edge.last_seen = Number(row, 10);
                edge.source_workloads = Number(row, 11);
                edge.destination_workloads = Number(row, 12);
                edge.folded_windows = Number(row, 13);
                evidence->edges.push_back(std::move(edge));
                return absl::OkStatus();
              });
}

absl::Status ReadWindows(Database* database, const Index& edges, Evidence* evidence) {
  return Each(database,
              "SELECT edge, start, flows, answered, denied, source_workloads, destination_workloads FROM learn_windows "
              "ORDER BY edge, start",
              [&](const Statement& row) -> absl::Status {
                const auto edge = edges.find(row.Int(0));
                if (edge == edges.end()) return absl::DataLossError("learn_windows: an edge is missing");
                evidence->edges[edge->second].windows.push_back(
                    {Number(row, 1), Number(row, 2), Number(row, 3), Number(row, 4), Number(row, 5), Number(row, 6)});
                return absl::OkStatus();
              });
}

absl::Status ReadFacts(Database* database, const Index& parties, Evidence* evidence) {
  auto status = Each(database, "SELECT party, start, workload_ms, at_once FROM learn_presence ORDER BY party, start",
                     [&](const Statement& row) -> absl::Status {
                       const auto party = parties.find(row.Int(0));
                       if (party == parties.end()) return absl::DataLossError("learn_presence: a party is missing");
                       evidence->presence.push_back({party->second, Number(row, 1), Number(row, 2), Number(row, 3)});
                       return absl::OkStatus();
                     });
  if (!status.ok()) return status;
  status = Each(database,
                "SELECT party, protocol, port, first_seen, last_seen, windows FROM learn_listeners ORDER BY party, protocol, port",
                [&](const Statement& row) -> absl::Status {
                  const auto party = parties.find(row.Int(0));
                  if (party == parties.end()) return absl::DataLossError("learn_listeners: a party is missing");
                  evidence->listeners.push_back({party->second, static_cast<uint8_t>(row.Int(1)), static_cast<uint16_t>(row.Int(2)),
                                                 Number(row, 3), Number(row, 4), Number(row, 5)});
                  return absl::OkStatus();
                });
  if (!status.ok()) return status;
  return Each(database, "SELECT address, name, first_seen, last_seen FROM learn_names ORDER BY address, name",
              [&](const Statement& row) -> absl::Status {
                evidence->names.push_back({PeerOf(row.Text(0)), row.Text(1), Number(row, 2), Number(row, 3)});
                return absl::OkStatus();
              });
}

absl::Status ReadQuarantines(Database* database, const Index& parties, Evidence* evidence) {
  return Each(database,
              "SELECT party, peer, start, workloads, reason, contacts, failures FROM learn_quarantine ORDER BY party, peer, start",
              [&](const Statement& row) -> absl::Status {
                const auto party = parties.find(row.Int(0));
                if (party == parties.end()) return absl::DataLossError("learn_quarantine: a party is missing");
                const ScanReason reason = row.Int(4) == 0 ? ScanReason::kFailures : ScanReason::kFanOut;
                evidence->quarantines.push_back(
                    {party->second, PeerOf(row.Text(1)), Number(row, 2), Number(row, 3), reason, Number(row, 5), Number(row, 6)});
                return absl::OkStatus();
              });
}

absl::Status ReadDecisions(Database* database, Evidence* evidence) {
  const auto kind = [](int64_t number) {
    return number == static_cast<int64_t>(PartyKind::kService) ? PartyKind::kService
           : number == static_cast<int64_t>(PartyKind::kHost)  ? PartyKind::kHost
           : number == static_cast<int64_t>(PartyKind::kWorld) ? PartyKind::kWorld
                                                               : PartyKind::kUnknown;
  };
  return Each(
      database,
      "SELECT source_kind, source_ns, source_service, destination_kind, destination_ns, destination_service, protocol, port, "
      "accepted, who, made_at FROM learn_decisions ORDER BY id",
      [&](const Statement& row) -> absl::Status {
        Decision decision;
        decision.source = {kind(row.Int(0)), row.Text(1), row.Text(2)};
        decision.destination = {kind(row.Int(3)), row.Text(4), row.Text(5)};
        decision.protocol = static_cast<uint8_t>(row.Int(6));
        decision.port = static_cast<uint16_t>(row.Int(7));
        decision.accepted = row.Int(8) != 0;
        decision.who = row.Text(9);
        decision.made_at = Number(row, 10);
        evidence->decisions.push_back(std::move(decision));
        return absl::OkStatus();
      });
}

}  // namespace

absl::Status Ledger::LoadBaselines() {
  return Each(
      database_.get(),
      "SELECT source, destination, protocol, port, verdict, peer, created, flows, answered, denied, source_workloads, "
      "destination_workloads FROM learn_baselines",
      [this](const Statement& row) -> absl::Status {
        const Key key{static_cast<IdentityId>(row.Int(0)), static_cast<IdentityId>(row.Int(1)), static_cast<uint8_t>(row.Int(2)),
                      static_cast<uint16_t>(row.Int(3)),   static_cast<uint8_t>(row.Int(4)),    PeerOf(row.Text(5))};
        baselines_[key] = {Number(row, 6), Number(row, 7), Number(row, 8), Number(row, 9), Number(row, 10), Number(row, 11), 0};
        return absl::OkStatus();
      });
}

absl::StatusOr<Evidence> Ledger::Load() {
  Evidence evidence;
  evidence.hygiene = limits_.hygiene;
  evidence.window_seconds = limits_.window_seconds;
  Index parties, edges;
  if (auto status = ReadParties(database_.get(), &evidence, &parties); !status.ok()) return status;
  if (auto status = ReadEdges(database_.get(), parties, &evidence, &edges); !status.ok()) return status;
  if (auto status = ReadWindows(database_.get(), edges, &evidence); !status.ok()) return status;
  if (auto status = ReadFacts(database_.get(), parties, &evidence); !status.ok()) return status;
  if (auto status = ReadQuarantines(database_.get(), parties, &evidence); !status.ok()) return status;
  if (auto status = ReadDecisions(database_.get(), &evidence); !status.ok()) return status;
  return evidence;
}

}  // namespace bulkhead::learn

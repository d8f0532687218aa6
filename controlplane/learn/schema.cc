// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/schema.h"

namespace bulkhead::learn {

const std::vector<std::string>& SchemaSteps() {
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
      // Edges get a number, so that the rows of their windows stay small. What was recorded before there were windows was seen in
      // as many hours as its answered flows can have been in, within its span.
      R"(CREATE TABLE learn_edges_2 (
           id INTEGER PRIMARY KEY, source INTEGER NOT NULL, destination INTEGER NOT NULL, protocol INTEGER NOT NULL,
           port INTEGER NOT NULL, verdict INTEGER NOT NULL, peer TEXT NOT NULL, flows INTEGER NOT NULL, answered INTEGER NOT NULL,
           denied INTEGER NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
           source_workloads INTEGER NOT NULL DEFAULT 0, destination_workloads INTEGER NOT NULL DEFAULT 0,
           folded_windows INTEGER NOT NULL DEFAULT 0, UNIQUE (source, destination, protocol, port, verdict, peer));
         INSERT INTO learn_edges_2 (source, destination, protocol, port, verdict, peer, flows, answered, denied, first_seen,
             last_seen, folded_windows)
           SELECT source, destination, protocol, port, verdict, peer, flows, answered, denied, first_seen, last_seen,
             min(answered, last_seen / 3600 - first_seen / 3600 + 1) FROM learn_edges;
         DROP TABLE learn_edges;
         ALTER TABLE learn_edges_2 RENAME TO learn_edges;
         ALTER TABLE learn_baselines ADD COLUMN source_workloads INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE learn_baselines ADD COLUMN destination_workloads INTEGER NOT NULL DEFAULT 0;
         CREATE TABLE learn_windows (
           edge INTEGER NOT NULL, start INTEGER NOT NULL, flows INTEGER NOT NULL, answered INTEGER NOT NULL,
           denied INTEGER NOT NULL, source_workloads INTEGER NOT NULL, destination_workloads INTEGER NOT NULL,
           PRIMARY KEY (edge, start)) WITHOUT ROWID;
         CREATE INDEX learn_windows_by_start ON learn_windows (start);
         CREATE TABLE learn_presence (
           party INTEGER NOT NULL, start INTEGER NOT NULL, workload_ms INTEGER NOT NULL, PRIMARY KEY (party, start)) WITHOUT ROWID;
         CREATE TABLE learn_listeners (
           party INTEGER NOT NULL, protocol INTEGER NOT NULL, port INTEGER NOT NULL, first_seen INTEGER NOT NULL,
           last_seen INTEGER NOT NULL, windows INTEGER NOT NULL, last_window INTEGER NOT NULL,
           PRIMARY KEY (party, protocol, port)) WITHOUT ROWID;
         CREATE TABLE learn_names (
           address TEXT NOT NULL, name TEXT NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
           PRIMARY KEY (address, name)) WITHOUT ROWID;
         CREATE TABLE learn_decisions (
           id INTEGER PRIMARY KEY, source_kind INTEGER NOT NULL, source_ns TEXT NOT NULL, source_service TEXT NOT NULL,
           destination_kind INTEGER NOT NULL, destination_ns TEXT NOT NULL, destination_service TEXT NOT NULL,
           protocol INTEGER NOT NULL, port INTEGER NOT NULL, accepted INTEGER NOT NULL, who TEXT NOT NULL, made_at INTEGER NOT NULL);
         CREATE TABLE learn_quarantine (
           party INTEGER NOT NULL, peer TEXT NOT NULL, start INTEGER NOT NULL, workloads INTEGER NOT NULL, reason INTEGER NOT NULL,
           contacts INTEGER NOT NULL, failures INTEGER NOT NULL, PRIMARY KEY (party, peer, start)) WITHOUT ROWID;)",
      "ALTER TABLE learn_presence ADD COLUMN at_once INTEGER NOT NULL DEFAULT 0",
  };
  return steps;
}

}  // namespace bulkhead::learn

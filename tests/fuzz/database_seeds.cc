// SPDX-License-Identifier: Apache-2.0
// Rows that no daemon writes, and bytes where they hurt: the header, the schema's page, the root pages behind it.
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/targets.h"

namespace bulkhead {
namespace {

std::string Piece(size_t place, const std::string& bytes) {
  return std::string{static_cast<char>(place), static_cast<char>(place >> 8), static_cast<char>(place >> 16),
                     static_cast<char>(bytes.size())} +
         bytes;
}

}  // namespace

std::vector<std::string> DatabaseSeeds() {
  std::vector<std::string> seeds = {
      "",
      "SQLite format 3",
      "!" + Piece(18, "\x01\x01"),
      "!" + Piece(100, std::string("\x05\0\0\0\0", 5)) + Piece(4096, "\x0d"),
      "!" + Piece(4100, "\xff\xff") + Piece(8192, "\x02"),
      "UPDATE identities SET id = 4294967295 WHERE id = 17; UPDATE rules SET id = 4294967295;",
      "UPDATE identities SET id = 4294967294 WHERE id = 17;",
      "UPDATE identities SET id = 2 WHERE id = 17; UPDATE identities SET id = -1 WHERE id = 16;",
      "UPDATE identities SET id = 4294967312 WHERE id = 17;",
      "UPDATE identities SET labels = x'ffffffff00'; UPDATE identities SET named_ports = x'01';",
      "UPDATE identities SET labels = 1.5, ns = 7, service = x'00ff', image_digest = '';",
      "UPDATE rules SET tier = 300, direction = -1, rule_index = 9223372036854775807, line = -9223372036854775808;",
      "UPDATE key_values SET value = 99999999999999999999;",
      "UPDATE schema_version SET version = 99;",
      "UPDATE schema_version SET version = -5;",
      "DELETE FROM schema_version WHERE component = 'learn';",
      "DROP TABLE identities;",
      "DROP TABLE learn_windows;",
      "ALTER TABLE rules DROP COLUMN file;",
      "UPDATE learn_parties SET kind = 9, ns = x'00', service = '../..', labels = '3:app', digest = char(10);",
      "UPDATE learn_parties SET labels = '99999999999999999999:a', ns = 'a: b', service = '\"';",
      "UPDATE learn_edges SET protocol = 999, port = 70000, verdict = 77, peer = '::/0', flows = -1, answered = "
      "9223372036854775807;",
      "UPDATE learn_edges SET first_seen = 9223372036854775807, last_seen = -9223372036854775808, folded_windows = -1;",
      "UPDATE learn_edges SET source_workloads = -1, destination_workloads = 0, source = 99;",
      "UPDATE learn_windows SET start = -9223372036854775808, flows = -1, answered = 18446744073709551615;",
      "UPDATE learn_windows SET edge = 99;",
      "UPDATE learn_baselines SET source = -1, peer = 'x', created = -1;",
      "UPDATE learn_presence SET start = 9223372036854775807, workload_ms = -1;",
      "DELETE FROM learn_parties;",
      "UPDATE learn_listeners SET protocol = -1, port = -1, windows = 9223372036854775807;",
      "UPDATE learn_names SET address = '::', name = char(0,10,34,58); INSERT INTO learn_names VALUES ('192.0.2.1', '*.*', 0, -1);",
      "INSERT INTO learn_decisions VALUES (1, 3, 'shop', 'web', 3, 'shop', 'db', 6, 5432, 1, char(27), -1), (2, 9, '', '', -9, '', "
      "'', 0, 0, "
      "2, '', 0);",
      "INSERT INTO learn_quarantine SELECT id, '', 1700006400, -1, 5, -1, -1 FROM learn_parties;"};
  return WithFound(std::move(seeds), "database");
}

}  // namespace bulkhead

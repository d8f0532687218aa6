// SPDX-License-Identifier: Apache-2.0
// Prints a list that the daemon streams, in bounded memory: as a table, or as JSON. One thread.
#ifndef BULKHEAD_CONTROLPLANE_CLI_ROWS_H_
#define BULKHEAD_CONTROLPLANE_CLI_ROWS_H_

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "controlplane/cli/common.h"
#include "controlplane/cli/table.h"

namespace bulkhead::cli {

struct ListRequest {
  std::string path;
  api::ApiClient::Query query = {};
  bool follow = false;
  bool sort = false;  // a table only, and not one that is followed
};

// Nothing is printed when the daemon refuses; the header alone when there are no rows.
template <class Row>
absl::Status PrintRows(api::ApiClient& client, const ListRequest& request, const Output& output, const std::vector<Column>& columns,
                       const std::function<std::vector<Cell>(const Row&)>& cells) {
  if (output.json()) {
    JsonList list(request.follow);
    absl::Status status = client.GetLines(request.path, request.query, [&list](const api::Json& row) {
      list.Add(row);
      return true;
    });
    if (status.ok()) list.Finish();
    return status;
  }
  std::optional<Table> table;
  const auto open = [&] {
    if (table) return;
    table.emplace(columns, request.follow);
    if (request.sort) table->Sort();
  };
  absl::Status status = client.GetRows<Row>(request.path, request.query, [&](const Row& row) {
    open();
    table->Add(cells(row));
    return true;
  });
  if (status.ok()) open();
  return status;
}

}  // namespace bulkhead::cli

#endif  // BULKHEAD_CONTROLPLANE_CLI_ROWS_H_

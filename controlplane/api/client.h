// SPDX-License-Identifier: Apache-2.0
// ApiClient: requests to the daemon over its unix socket.
//
// Thread safety: one thread. Calls block. Errors: those that the daemon answers with, by code; UnreachableError (errors.h) when no
// daemon answers, or it goes away in the middle of an answer.
#ifndef BULKHEAD_CONTROLPLANE_API_CLIENT_H_
#define BULKHEAD_CONTROLPLANE_API_CLIENT_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/api/json.h"

namespace bulkhead::api {

class ApiClient {
 public:
  using Query = std::map<std::string, std::string>;

  explicit ApiClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  // body empty: none is sent.
  absl::StatusOr<std::string> Call(const std::string& method, const std::string& path, const Query& query, const std::string& body);

  template <class T>
  absl::StatusOr<T> Get(const std::string& path, const Query& query = {}) {
    const absl::StatusOr<std::string> answer = Call("GET", path, query, "");
    return answer.ok() ? ParseWire<T>(*answer) : answer.status();
  }
  template <class T, class Body>
  absl::StatusOr<T> Send(const std::string& method, const std::string& path, const Body& body) {
    const absl::StatusOr<std::string> answer = Call(method, path, {}, DumpJson(ToJson(body)));
    return answer.ok() ? ParseWire<T>(*answer) : answer.status();
  }

  // Calls back for each line as it comes, in bounded memory; empty lines are left out. false: enough, the call ends with OK.
  absl::Status GetLines(const std::string& path, const Query& query,
                        const std::function<absl::StatusOr<bool>(const Json&)>& on_line);

  // The same with rows of a wire type.
  template <class T>
  absl::Status GetRows(const std::string& path, const Query& query, const std::function<bool(T)>& on_row) {
    return GetLines(path, query, [&on_row](const Json& json) -> absl::StatusOr<bool> {
      absl::StatusOr<T> row = FromJson<T>(json);
      if (!row.ok()) return row.status();
      return on_row(*std::move(row));
    });
  }

  const std::string& socket_path() const { return socket_path_; }

 private:
  struct Transfer;
  absl::Status Perform(const std::string& method, const std::string& path, const Query& query, const std::string& body,
                       Transfer* transfer);
  static size_t OnData(char* data, size_t size, size_t count, void* transfer);

  std::string socket_path_;
};

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_CLIENT_H_

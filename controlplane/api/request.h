// SPDX-License-Identifier: Apache-2.0
// One request and its response, apart from HTTP: what the server hands to the resources, and what they give back.
#ifndef BULKHEAD_CONTROLPLANE_API_REQUEST_H_
#define BULKHEAD_CONTROLPLANE_API_REQUEST_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/model/common.h"
#include "controlplane/api/activity.h"
#include "controlplane/api/listen.h"
#include "controlplane/api/pipe.h"
#include "controlplane/api/service.h"

namespace bulkhead::api {

struct Request {
  std::string method;
  std::string path;                   // decoded
  std::vector<std::string> segments;  // of the path, behind the route's own: {"shop", "db"}
  std::map<std::string, std::string> query;
  std::string body;
  std::string user;  // at the other end of the connection
  Access access = Access::kNone;  // of that user

  std::string Query(const char* name) const {
    const auto at = query.find(name);
    return at == query.end() ? std::string() : at->second;
  }
};

// Writes lines until it is done or Write says that the reader is gone.
using Producer = std::function<absl::Status(LinePipe&)>;

struct Response {
  std::string body;  // of a whole answer
  const char* content_type = "application/json";
  Producer lines;  // set: a stream of lines instead of `body`
};

// What every resource works with. All of it may be used by several threads at once.
struct Context {
  DaemonService* service = nullptr;
  ActivityWindow* activity = nullptr;
  std::string version;
  std::string group;  // that may do everything, for messages
};

// A number of the query within min..max; `otherwise` when it is not there.
absl::StatusOr<uint64_t> QueryNumber(const Request& request, const char* name, uint64_t min, uint64_t max, uint64_t otherwise);
absl::StatusOr<std::optional<Verdict>> QueryVerdict(const Request& request);
absl::StatusOr<std::optional<Mode>> ParseModeField(const std::optional<std::string>& mode);

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_REQUEST_H_

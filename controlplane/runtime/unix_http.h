// SPDX-License-Identifier: Apache-2.0
// UnixHttp: HTTP GET over a unix socket, many requests at once and one endless stream of lines, all on the caller's thread.
// Not thread-safe, but for Wake. Callbacks are called from Poll only; they may start and cancel requests.
#ifndef BULKHEAD_CONTROLPLANE_RUNTIME_UNIX_HTTP_H_
#define BULKHEAD_CONTROLPLANE_RUNTIME_UNIX_HTTP_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bulkhead {

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

class UnixHttp {
 public:
  using Done = std::function<void(absl::StatusOr<HttpAnswer>)>;
  using Line = std::function<void(const std::string&)>;  // without its end; empty lines are left out
  using Opened = std::function<void()>;
  using Ended = std::function<void(absl::Status)>;

  explicit UnixHttp(std::string socket);
  ~UnixHttp();
  UnixHttp(const UnixHttp&) = delete;
  UnixHttp& operator=(const UnixHttp&) = delete;

  // `path` begins with '/' and is sent as it is. done gets an answer of any status, or why there is none: DeadlineExceeded,
  // ResourceExhausted (a body of more than max_bytes), Unavailable.
  void Get(const std::string& path, size_t max_bytes, std::chrono::milliseconds timeout, Done done);

  // opened: the answer's status is 200 and its headers are here. ended: once, whatever the reason; ResourceExhausted for a line of
  // more than max_line bytes.
  void Stream(const std::string& path, size_t max_line, Opened opened, Line line, Ended ended);

  // Runs transfers and their callbacks until something happened, Wake was called or `wait` is over.
  void Poll(std::chrono::milliseconds wait);
  void Wake();  // from any thread

 private:
  struct Transfer;

  Transfer* Begin(const std::string& path);
  void DeliverLines(Transfer* transfer);
  void Finish(Transfer* transfer, int code);

  std::string socket_;
  void* multi_;
  std::map<Transfer*, std::unique_ptr<Transfer>> transfers_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_RUNTIME_UNIX_HTTP_H_

// SPDX-License-Identifier: Apache-2.0
// ApiServer: the daemon's HTTP+JSON server on a unix socket. What it serves is documented in bulkhead/api/paths.h and wire.h.
//
// Thread safety: Start and the destructor are called by one thread. The server has threads of its own, one for each connection, so
// that a client which reads slowly, or not at all, holds up nobody but itself; it calls the DaemonService from these.
#ifndef BULKHEAD_CONTROLPLANE_API_SERVER_H_
#define BULKHEAD_CONTROLPLANE_API_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "controlplane/api/listen.h"
#include "controlplane/api/service.h"

namespace bulkhead {

struct ApiServerOptions {
  std::string socket_path = "/run/bulkhead/api.sock";  // its folder is made (0755) if it is missing
  api::SocketGroups groups;        // who may use it, besides root
  std::string version;             // of the daemon, for `status`
  unsigned connections = 64;       // at once; one process may have a quarter of them, all that may only read half
  unsigned idle_seconds = 30;      // a connection that neither sends nor takes a byte for so long is closed
  size_t max_body_bytes = 8 << 20;
};

class ApiServer {
 public:
  // Serves until destroyed. `service` must outlive the server. socket: of options.socket_path and options.groups, opened before; null:
  // it is opened now.
  // kAlreadyExists: somebody answers on the socket; the message names the pid. A stale socket is replaced.
  static absl::StatusOr<std::unique_ptr<ApiServer>> Start(const ApiServerOptions& options, DaemonService* service,
                                                           std::unique_ptr<api::ApiSocket> socket = nullptr);

  // Ends every connection, joins the threads, removes the socket. The service must go on answering until this returns.
  virtual ~ApiServer() = default;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_API_SERVER_H_

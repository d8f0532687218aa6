// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/metrics_server.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "bulkhead/api/paths.h"
#include "controlplane/api/resources.h"

namespace bulkhead {
namespace {

sockaddr_storage SocketAddressOf(const IpAddress& address, uint16_t port) {
  sockaddr_storage out{};
  if (address.IsV4()) {
    auto& in = reinterpret_cast<sockaddr_in&>(out);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, address.bytes.data(), sizeof(in.sin_addr));
  } else {
    auto& in = reinterpret_cast<sockaddr_in6&>(out);
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    std::memcpy(&in.sin6_addr, address.bytes.data(), sizeof(in.sin6_addr));
  }
  return out;
}

class TcpServer : public MetricsServer {
 public:
  TcpServer(std::string version, DaemonService* service) : context_{service, nullptr, std::move(version), {}} {}
  ~TcpServer() override {
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  }

  absl::Status Listen(const IpAddress& address, uint16_t port);
  MHD_Result Answer(MHD_Connection* connection, std::string_view path, std::string_view method);
  uint16_t port() const override { return MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_BIND_PORT)->port; }

 private:
  const api::Context context_;
  MHD_Daemon* daemon_ = nullptr;
};

MHD_Result OnMetricsRequest(void* self, MHD_Connection* connection, const char* url, const char* method, const char* /*version*/,
                            const char* /*data*/, size_t* size, void** state) {
  static int seen;
  if (*state == nullptr) {  // only the headers are here; an answer now would cut a body off
    *state = &seen;
    return MHD_YES;
  }
  if (*size != 0) return MHD_NO;  // nobody has anything to tell here
  return static_cast<TcpServer*>(self)->Answer(connection, url, method);
}

absl::Status TcpServer::Listen(const IpAddress& address, uint16_t port) {
  const sockaddr_storage where = SocketAddressOf(address, port);
  const unsigned family = address.IsV4() ? 0 : MHD_USE_IPv6;
  errno = 0;
  daemon_ = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | family, 0, nullptr, nullptr, &OnMetricsRequest, this,
                             MHD_OPTION_SOCK_ADDR, reinterpret_cast<const sockaddr*>(&where),  //
                             MHD_OPTION_CONNECTION_LIMIT, kConnections,                         //
                             MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds,                       //
                             MHD_OPTION_CONNECTION_MEMORY_LIMIT, size_t{16384}, MHD_OPTION_END);
  if (daemon_ != nullptr) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("metrics_address ", address.ToString(), " port ", port, ": ",
                                             errno == 0 ? "the HTTP server does not start" : std::strerror(errno)));
}

MHD_Result TcpServer::Answer(MHD_Connection* connection, std::string_view path, std::string_view method) {
  unsigned code = path != api::kMetricsPath ? MHD_HTTP_NOT_FOUND : method != "GET" ? MHD_HTTP_METHOD_NOT_ALLOWED : MHD_HTTP_OK;
  std::string body = "only GET /metrics is here\n";
  const char* type = "text/plain; charset=utf-8";
  if (code == MHD_HTTP_OK) {
    absl::StatusOr<api::Response> response = api::GetMetrics(context_, {});
    code = response.ok() ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    body = response.ok() ? std::move(response->body) : absl::StrCat(std::string(response.status().message()), "\n");
    if (response.ok()) type = response->content_type;
  }
  MHD_Response* out = MHD_create_response_from_buffer(body.size(), body.data(), MHD_RESPMEM_MUST_COPY);
  if (out == nullptr) return MHD_NO;
  MHD_add_response_header(out, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  if (code == MHD_HTTP_METHOD_NOT_ALLOWED) MHD_add_response_header(out, MHD_HTTP_HEADER_ALLOW, "GET");
  const MHD_Result queued = MHD_queue_response(connection, code, out);
  MHD_destroy_response(out);
  return queued;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(const IpAddress& address, uint16_t port, const std::string& version,
                                                                    DaemonService* service) {
  auto server = std::make_unique<TcpServer>(version, service);
  if (absl::Status status = server->Listen(address, port); !status.ok()) return status;
  return std::unique_ptr<MetricsServer>(std::move(server));
}

}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
// One thread for each connection (libmicrohttpd), and for a stream one more that makes its lines: the service's callbacks and the
// client's socket each wait only for their own pipe.
#include "controlplane/api/server.h"

#include <microhttpd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdarg>
#include <map>
#include <mutex>
#include <set>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/listen.h"
#include "controlplane/api/router.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

using api::LinePipe;

constexpr size_t kPipeBytes = 256 * 1024;
constexpr size_t kBlockBytes = 16 * 1024;
constexpr size_t kConnectionMemory = 32 * 1024;  // of libmicrohttpd: request line and headers must fit
constexpr size_t kReaderBodyBytes = 64 * 1024;   // of a request of who may only read: none of these has a use for one
constexpr std::chrono::seconds kSampleEvery(60);

class Server;

// One request while it is read and answered.
struct Call {
  api::Request request;
  size_t max_body = 0;
  bool answered = false;
};

// A stream of lines while it is sent.
struct Stream {
  Stream(Server* server, MHD_Connection* connection) : server(server), connection(connection), pipe(kPipeBytes) {}
  Server* server;
  MHD_Connection* connection;
  LinePipe pipe;
  std::thread producer;
};

class Server : public ApiServer {
 public:
  Server(ApiServerOptions options, DaemonService* service)
      : options_(std::move(options)), context_{service, &activity_, options_.version, options_.groups.all} {}
  ~Server() override;

  absl::Status Listen(std::unique_ptr<api::ApiSocket> socket);

  MHD_Result Begin(MHD_Connection* connection, Call* call);
  MHD_Result Finish(MHD_Connection* connection, Call* call);
  void SetTimeout(MHD_Connection* connection, unsigned seconds) {
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
  }
  const ApiServerOptions& options() const { return options_; }
  void Arrive(MHD_Connection* connection, void** state);
  void Leave(void** state);
  void Forget(Stream* stream);

 private:
  absl::Status Admit(MHD_Connection* connection, Call* call) const;
  MHD_Result Send(MHD_Connection* connection, unsigned status, const api::Response& response, const std::string& allowed);
  MHD_Result SendError(MHD_Connection* connection, const absl::Status& status, const std::string& allowed);
  MHD_Result SendLines(MHD_Connection* connection, api::Producer producer);
  void Sample();

  const ApiServerOptions options_;
  api::ActivityWindow activity_;
  const api::Context context_;
  const gid_t all_ = api::GroupId(options_.groups.all), read_ = api::GroupId(options_.groups.read);
  std::unique_ptr<api::ApiSocket> socket_;
  MHD_Daemon* daemon_ = nullptr;

  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  std::set<Stream*> streams_;
  std::map<pid_t, unsigned> connections_;        // by the process at the other end
  std::map<api::Access, unsigned> by_access_;    // likewise, by what it may do
  std::thread sampler_;
};

MHD_Result OnRequest(void* self, MHD_Connection* connection, const char* url, const char* method, const char* /*version*/,
                     const char* data, size_t* size, void** state) {
  auto* server = static_cast<Server*>(self);
  auto* call = static_cast<Call*>(*state);
  if (call == nullptr) {
    *state = call = new Call;
    call->request.method = method;
    call->request.path = url;
    return server->Begin(connection, call);
  }
  if (*size == 0) return call->answered ? MHD_YES : server->Finish(connection, call);
  // Content-Length was checked; a body in chunks that grows too long ends the connection.
  if (call->request.body.size() + *size > call->max_body) return MHD_NO;
  call->request.body.append(data, *size);
  *size = 0;
  return MHD_YES;
}

void OnCompleted(void* /*self*/, MHD_Connection* /*connection*/, void** state, MHD_RequestTerminationCode /*why*/) {
  delete static_cast<Call*>(*state);
  *state = nullptr;
}

void OnConnection(void* self, MHD_Connection* connection, void** state, MHD_ConnectionNotificationCode what) {
  auto* server = static_cast<Server*>(self);
  if (what == MHD_CONNECTION_NOTIFY_STARTED) {
    server->Arrive(connection, state);
  } else {
    server->Leave(state);
  }
}

MHD_Result OnQuery(void* request, MHD_ValueKind /*kind*/, const char* key, const char* value) {
  static_cast<api::Request*>(request)->query[key] = value == nullptr ? "" : value;
  return MHD_YES;
}

void OnLog(void* /*self*/, const char* format, va_list arguments) {
  char text[512];
  std::vsnprintf(text, sizeof(text), format, arguments);
  spdlog::debug("API: {}", text);
}

// A wait for lines is not the client's idleness: the timeout runs only while we wait for the client.
ssize_t OnRead(void* state, uint64_t /*position*/, char* to, size_t size) {
  auto* stream = static_cast<Stream*>(state);
  stream->server->SetTimeout(stream->connection, 0);
  const std::optional<size_t> count = stream->pipe.Read(to, size);
  stream->server->SetTimeout(stream->connection, stream->server->options().idle_seconds);
  if (!count) return MHD_CONTENT_READER_END_WITH_ERROR;
  return *count == 0 ? MHD_CONTENT_READER_END_OF_STREAM : static_cast<ssize_t>(*count);
}

void OnStreamEnd(void* state) {
  auto* stream = static_cast<Stream*>(state);
  stream->pipe.Cancel();
  stream->producer.join();
  stream->server->Forget(stream);
  delete stream;
}

absl::Status Server::Listen(std::unique_ptr<api::ApiSocket> socket) {
  if (socket == nullptr) {
    absl::StatusOr<std::unique_ptr<api::ApiSocket>> opened = api::ApiSocket::Open(options_.socket_path, options_.groups);
    if (!opened.ok()) return opened.status();
    socket = *std::move(opened);
  }
  socket_ = std::move(socket);
  const int fd = socket_->TakeFd();
  daemon_ = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ERROR_LOG, 0,
                             nullptr, nullptr, &OnRequest, this,                     //
                             MHD_OPTION_EXTERNAL_LOGGER, &OnLog, this,               //
                             MHD_OPTION_LISTEN_SOCKET, fd,                           //
                             MHD_OPTION_CONNECTION_LIMIT, options_.connections,      //
                             MHD_OPTION_CONNECTION_TIMEOUT, options_.idle_seconds,   //
                             MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory,  //
                             MHD_OPTION_NOTIFY_CONNECTION, &OnConnection, this,      //
                             MHD_OPTION_NOTIFY_COMPLETED, &OnCompleted, this, MHD_OPTION_END);
  if (daemon_ == nullptr) {
    close(fd);
    return absl::InternalError(absl::StrCat("API socket ", options_.socket_path, ": the HTTP server does not start"));
  }
  sampler_ = std::thread([this] { Sample(); });
  return absl::OkStatus();
}

Server::~Server() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (Stream* stream : streams_) stream->pipe.Cancel();
    stopped_.notify_all();
  }
  if (socket_ != nullptr) socket_->Remove();
  if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  if (sampler_.joinable()) sampler_.join();
}

// One process that opens connections and leaves them so cannot shut out the others, nor can all those together who may only read, or
// nothing at all.
void Server::Arrive(MHD_Connection* connection, void** state) {
  const MHD_ConnectionInfo* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (info == nullptr) return;
  const api::Peer peer = api::PeerOf(info->connect_fd, all_, read_);
  *state = new api::Peer(peer);
  const unsigned share = peer.access == api::Access::kAll    ? options_.connections
                         : peer.access == api::Access::kRead ? options_.connections / 2
                                                             : options_.connections / 8;
  const std::lock_guard lock(mutex_);
  const unsigned of_process = ++connections_[peer.pid], of_access = ++by_access_[peer.access];
  if (of_process <= std::max(1u, options_.connections / 4) && of_access <= std::max(1u, share)) return;
  const std::string who = of_access > share ? "users of these rights have" : absl::StrCat("process ", peer.pid, " has");
  const std::string body = api::ErrorBody(absl::UnavailableError(absl::StrCat(who, " too many connections")));
  const std::string answer =
      absl::StrCat("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
  send(info->connect_fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  shutdown(info->connect_fd, SHUT_RDWR);
}

void Server::Leave(void** state) {
  const std::unique_ptr<api::Peer> peer(static_cast<api::Peer*>(*state));
  *state = nullptr;
  if (peer == nullptr) return;
  const std::lock_guard lock(mutex_);
  --by_access_[peer->access];
  if (--connections_[peer->pid] == 0) connections_.erase(peer->pid);
}

void Server::Forget(Stream* stream) {
  const std::lock_guard lock(mutex_);
  streams_.erase(stream);
}

void Server::Sample() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    activity_.Refresh(context_.service);
    lock.lock();
    stopped_.wait_for(lock, kSampleEvery, [this] { return stopping_; });
  }
}

// The user, as those that may use the API read it in messages.
absl::Status Server::Admit(MHD_Connection* connection, Call* call) const {
  const MHD_ConnectionInfo* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  const MHD_ConnectionInfo* context = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  const auto* peer = context == nullptr ? nullptr : static_cast<const api::Peer*>(context->socket_context);
  if (info == nullptr || peer == nullptr) return absl::PermissionDeniedError("the caller cannot be told");
  call->request.user = api::PeerUser(info->connect_fd);
  call->request.access = peer->access;
  call->max_body = peer->access == api::Access::kAll ? options_.max_body_bytes : std::min(options_.max_body_bytes, kReaderBodyBytes);
  if (peer->access != api::Access::kNone) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(call->request.user, " may not use the API: that takes root or a member of the group ",
                                                  options_.groups.all, ", or to read of ", options_.groups.read));
}

MHD_Result Server::Begin(MHD_Connection* connection, Call* call) {
  absl::Status status = Admit(connection, call);
  const char* length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
  uint64_t bytes = 0;
  if (status.ok() && length != nullptr && (!absl::SimpleAtoi(length, &bytes) || bytes > call->max_body)) {
    status = absl::ResourceExhaustedError(absl::StrCat("the request's body is larger than ", call->max_body, " bytes"));
  }
  if (status.ok()) return MHD_YES;
  call->answered = true;
  return SendError(connection, status, "");
}

MHD_Result Server::Finish(MHD_Connection* connection, Call* call) {
  call->answered = true;
  MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, &OnQuery, &call->request);
  std::string allowed;
  SetTimeout(connection, 0);
  const absl::StatusOr<api::Response> response = api::Route(context_, std::move(call->request), &allowed);
  SetTimeout(connection, options_.idle_seconds);
  if (!response.ok()) return SendError(connection, response.status(), allowed);
  if (response->lines) return SendLines(connection, response->lines);
  return Send(connection, MHD_HTTP_OK, *response, "");
}

MHD_Result Server::Send(MHD_Connection* connection, unsigned status, const api::Response& response, const std::string& allowed) {
  MHD_Response* out =
      MHD_create_response_from_buffer(response.body.size(), const_cast<char*>(response.body.data()), MHD_RESPMEM_MUST_COPY);
  if (out == nullptr) return MHD_NO;
  MHD_add_response_header(out, MHD_HTTP_HEADER_CONTENT_TYPE, response.content_type);
  if (!allowed.empty()) MHD_add_response_header(out, MHD_HTTP_HEADER_ALLOW, allowed.c_str());
  const MHD_Result queued = MHD_queue_response(connection, status, out);
  MHD_destroy_response(out);
  return queued;
}

MHD_Result Server::SendError(MHD_Connection* connection, const absl::Status& status, const std::string& allowed) {
  return Send(connection, api::HttpStatusOf(status.code()), {.body = api::ErrorBody(status), .lines = {}}, allowed);
}

MHD_Result Server::SendLines(MHD_Connection* connection, api::Producer producer) {
  auto stream = std::make_unique<Stream>(this, connection);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return MHD_NO;
    streams_.insert(stream.get());
  }
  LinePipe* pipe = &stream->pipe;
  try {
    stream->producer = std::thread([pipe, produce = std::move(producer)] { pipe->Finish(produce(*pipe)); });
  } catch (const std::system_error& error) {
    Forget(stream.get());
    return SendError(connection, absl::UnavailableError(absl::StrCat("no thread for the stream: ", error.what())), "");
  }
  // What fails before the first line can still say so in the HTTP status.
  SetTimeout(connection, 0);
  const absl::Status first = pipe->WaitForFirst();
  SetTimeout(connection, options_.idle_seconds);
  if (!first.ok()) {
    OnStreamEnd(stream.release());
    return SendError(connection, first, "");
  }
  MHD_Response* out = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kBlockBytes, &OnRead, stream.get(), &OnStreamEnd);
  if (out == nullptr) {
    OnStreamEnd(stream.release());
    return MHD_NO;
  }
  stream.release();  // the response's now
  MHD_add_response_header(out, MHD_HTTP_HEADER_CONTENT_TYPE, "application/x-ndjson");
  const MHD_Result queued = MHD_queue_response(connection, MHD_HTTP_OK, out);
  MHD_destroy_response(out);
  return queued;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Start(const ApiServerOptions& options, DaemonService* service,
                                                             std::unique_ptr<api::ApiSocket> socket) {
  auto server = std::make_unique<Server>(options, service);
  if (absl::Status status = server->Listen(std::move(socket)); !status.ok()) return status;
  return std::unique_ptr<ApiServer>(std::move(server));
}

}  // namespace bulkhead

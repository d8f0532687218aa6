// SPDX-License-Identifier: Apache-2.0
// One thread plays both ends: an engine that answers each connection with the same bytes, in small pieces, and hangs up.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "controlplane/runtime/unix_http.h"
#include "dataplane/kernel/unique_fd.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/targets.h"

namespace bulkhead {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxBody = 4096, kMaxLine = 64;
constexpr auto kPatience = std::chrono::seconds(5);

class HttpEngine {
 public:
  HttpEngine() {
    folder_ = std::filesystem::temp_directory_path() / "bulkhead-fuzz-XXXXXX";
    Require(mkdtemp(folder_.data()) != nullptr, "no folder for the socket");
    path_ = folder_ + "/engine.sock";
    listener_ = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    Require(path_.size() < sizeof(address.sun_path), "a path too long for a socket", path_);
    std::memcpy(address.sun_path, path_.c_str(), path_.size());
    Require(
        bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 && listen(listener_.get(), 8) == 0,
        "no socket");
  }
  ~HttpEngine() {
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }
  const std::string& path() const { return path_; }

  void Serve(std::string_view bytes) {
    const UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client.ok()) return;
    char request[4096];
    (void)recv(client.get(), request, sizeof(request), 0);
    for (size_t at = 0, size = 1; at < bytes.size(); at += size, size = size * 2 + 1) {
      const std::string_view piece = bytes.substr(at, size);
      if (send(client.get(), piece.data(), piece.size(), MSG_NOSIGNAL) < 0) break;
    }
    shutdown(client.get(), SHUT_WR);
  }
  // What nobody accepted would be taken for the next one's.
  void Clear() {
    while (UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)).ok()) continue;
  }

 private:
  std::string folder_, path_;
  UniqueFd listener_;
};

void PollUntil(UnixHttp& http, HttpEngine& engine, std::string_view bytes, const bool& over) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!over) {
    Require(std::chrono::steady_clock::now() < end, "an answer that never ends");
    engine.Serve(bytes);
    http.Poll(milliseconds(1));
  }
}

void CheckGet(HttpEngine& engine, std::string_view bytes) {
  UnixHttp http(engine.path());
  bool over = false;
  http.Get("/info", kMaxBody, milliseconds(2000), [&over](const absl::StatusOr<HttpAnswer>& answer) {
    Require(!over, "one request, two answers");
    over = true;
    if (!answer.ok()) return Require(!answer.status().message().empty(), "no answer, and no word why");
    Require(answer->body.size() <= kMaxBody, "a body beyond the limit");
    Require(answer->status >= 100 && answer->status < 1000, "a status that is none");
  });
  PollUntil(http, engine, bytes, over);
}

void CheckStream(HttpEngine& engine, std::string_view bytes) {
  UnixHttp http(engine.path());
  bool over = false, opened = false;
  http.Stream(
      "/events", kMaxLine,
      [&] {
        Require(!opened && !over, "a stream that begins twice");
        opened = true;
      },
      [&](const std::string& line) {
        Require(opened && !over, "a line outside its stream");
        Require(!line.empty() && line.size() <= kMaxLine && line.find('\n') == std::string::npos, "a line that is none", line);
      },
      [&](const absl::Status& why) {
        Require(!over && !why.ok(), "a stream that ends twice, or without a reason");
        over = true;
      });
  PollUntil(http, engine, bytes, over);
}

}  // namespace

void FuzzDockerHttp(std::string_view bytes) {
  static HttpEngine engine;
  CheckGet(engine, bytes);
  engine.Clear();
  CheckStream(engine, bytes);
  engine.Clear();
}

}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/runtime/fake_engine.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bulkhead {
namespace {

bool Write(int fd, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = send(fd, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

// The path of the next request, or nothing when the connection is over.
std::string ReadRequest(int fd, std::string& buffer) {
  while (buffer.find("\r\n\r\n") == std::string::npos) {
    char bytes[4096];
    const ssize_t n = read(fd, bytes, sizeof(bytes));
    if (n <= 0) return "";
    buffer.append(bytes, static_cast<size_t>(n));
  }
  const size_t begin = buffer.find(' ') + 1;
  const std::string path = buffer.substr(begin, buffer.find(' ', begin) - begin);
  buffer.erase(0, buffer.find("\r\n\r\n") + 4);
  return path;
}

std::string WithoutVersion(const std::string& path) {
  return path.starts_with("/v") ? path.substr(std::min(path.size(), path.find('/', 1))) : path;
}

}  // namespace

FakeEngine::FakeEngine() {
  char name[] = "/tmp/fake-engine-XXXXXX";
  if (mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp");
  directory_ = name;
  socket_ = directory_ + "/engine.sock";
  Set("/_ping", Ok("OK", "Api-Version: 1.41\r\n"));
  SetJson("/info", "{}");
  SetJson("/networks", "[]");
  SetJson("/containers/json", "[]");
}

FakeEngine::~FakeEngine() {
  Close();
  rmdir(directory_.c_str());
}

void FakeEngine::Listen() {
  closing_ = false;
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 || listen(listener_, 64) != 0) {
    throw std::runtime_error("listen");
  }
  const std::lock_guard lock(mutex_);
  threads_.emplace_back([this] { Accept(); });
}

void FakeEngine::Close() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    if (listener_ >= 0) shutdown(listener_, SHUT_RDWR);
    for (const int fd : connections_) shutdown(fd, SHUT_RDWR);
  }
  changed_.notify_all();
  // The accepting thread is first; after it there are no new ones.
  if (!threads_.empty()) threads_.front().join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : connections_) shutdown(fd, SHUT_RDWR);
    threads = std::move(threads_);
    threads_.clear();
  }
  for (std::thread& thread : threads) {
    if (thread.joinable()) thread.join();
  }
  if (listener_ >= 0) close(listener_);
  listener_ = -1;
  unlink(socket_.c_str());
}

void FakeEngine::Accept() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const std::lock_guard lock(mutex_);
    connections_.push_back(fd);
    threads_.emplace_back([this, fd] {
      Serve(fd);
      const std::lock_guard inner(mutex_);
      std::erase(connections_, fd);
      close(fd);
    });
  }
}

void FakeEngine::Serve(int fd) {
  std::string buffer;
  while (true) {
    const std::string path = ReadRequest(fd, buffer);
    if (path.empty()) return;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(path);
    }
    if (WithoutVersion(path).starts_with("/events")) {
      ServeStream(fd);
      return;
    }
    const std::string answer = AnswerTo(WithoutVersion(path));
    if (answer.empty()) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closing_; });
      return;
    }
    if (!Write(fd, answer)) return;
  }
}

bool FakeEngine::ServeStream(int fd) {
  std::unique_lock lock(mutex_);
  size_t sent = streamed_.size();  // whoever has seen the headers gets all that is sent from then on
  const int ends = stream_ends_;
  lock.unlock();
  if (!Write(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")) return false;
  lock.lock();
  while (true) {
    changed_.wait(lock, [&] { return closing_ || stream_ends_ != ends || streamed_.size() > sent; });
    if (closing_) return false;
    if (stream_ends_ != ends) return Write(fd, "0\r\n\r\n");
    const std::string chunk = streamed_.substr(sent);
    sent = streamed_.size();
    lock.unlock();
    if (!Write(fd, absl::StrFormat("%x\r\n%s\r\n", chunk.size(), chunk))) return false;
    lock.lock();
  }
}

std::string FakeEngine::AnswerTo(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const std::string* best = nullptr;
  size_t longest = 0;
  for (const auto& [prefix, answer] : answers_) {
    if (!path.starts_with(prefix) || (best != nullptr && prefix.size() < longest)) continue;
    best = &answer;
    longest = prefix.size();
  }
  return best == nullptr ? Error(404, "page not found") : *best;
}

void FakeEngine::Set(const std::string& path, const std::string& raw) {
  const std::lock_guard lock(mutex_);
  answers_[path] = raw;
}

std::string FakeEngine::Ok(const std::string& body, const std::string& headers) {
  return absl::StrCat("HTTP/1.1 200 OK\r\n", headers, "Content-Length: ", body.size(), "\r\n\r\n", body);
}

std::string FakeEngine::Error(int status, const std::string& message) {
  const std::string body = absl::StrCat("{\"message\":\"", message, "\"}");
  return absl::StrCat("HTTP/1.1 ", status, " Error\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
}

void FakeEngine::Send(const std::string& text) {
  {
    const std::lock_guard lock(mutex_);
    streamed_ += text;
  }
  changed_.notify_all();
}

void FakeEngine::EndStreams() {
  {
    const std::lock_guard lock(mutex_);
    ++stream_ends_;
  }
  changed_.notify_all();
}

std::vector<std::string> FakeEngine::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

int FakeEngine::Count(const std::string& part) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(requests_.begin(), requests_.end(),
                                        [&](const std::string& path) { return path.find(part) != std::string::npos; }));
}

}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
#include "bench/path/traffic.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "absl/strings/str_cat.h"

namespace bulkhead::bench {
namespace {

constexpr size_t kChunk = 128 * 1024;
constexpr int kCpu = 0;
constexpr timeval kPatience = {5, 0};

absl::Status Errno(const char* what) { return absl::ErrnoToStatus(errno, what); }

double Now(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void RunOnOneCpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(kCpu, &set);
  static_cast<void>(sched_setaffinity(0, sizeof(set), &set));
}

sockaddr_in SocketAddress(const IpAddress& address) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(kPort);
  std::memcpy(&out.sin_addr, address.bytes.data(), sizeof(out.sin_addr));
  return out;
}

absl::Status SendByte(int fd) { return send(fd, "x", 1, MSG_NOSIGNAL) == 1 ? absl::OkStatus() : Errno("send"); }

absl::Status ReceiveByte(int fd) {
  char byte;
  const ssize_t got = recv(fd, &byte, 1, 0);
  return got == 1 ? absl::OkStatus() : got == 0 ? absl::DataLossError("the connection ended") : Errno("recv");
}

// Both bodies at once; the first error.
absl::Status Together(const std::function<absl::Status()>& server, const std::function<absl::Status()>& client) {
  RunOnOneCpu();
  absl::Status served;
  std::thread thread([&] { served = server(); });  // on the same, which it inherits
  const absl::Status called = client();
  thread.join();
  return called.ok() ? served : called;
}

absl::StatusOr<Cost> Metered(const CpuMeter& meter, double count, const std::function<absl::Status()>& body) {
  const double cpu = meter.Seconds(), start = Now(CLOCK_MONOTONIC);
  if (auto status = body(); !status.ok()) return status;
  return Cost{(Now(CLOCK_MONOTONIC) - start) / count, (meter.Seconds() - cpu) / count};
}

}  // namespace

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

CpuMeter::CpuMeter() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    std::string name;
    std::ifstream(entry.path() / "comm") >> name;
    if (name.starts_with("ksoftirqd/")) threads_.push_back(entry.path() / "schedstat");
  }
}

double CpuMeter::Seconds() const {
  double out = Now(CLOCK_PROCESS_CPUTIME_ID);
  for (const std::string& path : threads_) {
    double ns = 0;
    std::ifstream(path) >> ns;
    out += ns / 1e9;
  }
  return out;
}

absl::StatusOr<UniqueFd> Traffic::Socket(const Place& place) const {
  UniqueFd fd;
  const absl::Status status = place.netns.Run([&fd] {
    fd = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return fd.ok() ? absl::OkStatus() : Errno("socket");
  });
  if (!status.ok()) return status;
  const int on = 1;
  if (setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) return Errno("TCP_NODELAY");
  if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience)) != 0) return Errno("SO_RCVTIMEO");
  if (setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience)) != 0) return Errno("SO_SNDTIMEO");
  return fd;
}

absl::StatusOr<UniqueFd> Traffic::Connect() const {
  auto fd = Socket(bridge_->client());
  if (!fd.ok()) return fd.status();
  const sockaddr_in to = SocketAddress(bridge_->server().address);
  if (connect(fd->get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) return Errno("connect");
  return fd;
}

absl::StatusOr<Traffic> Traffic::Open(const Bridge& bridge) {
  Traffic out(bridge);
  auto listener = out.Socket(bridge.server());
  if (!listener.ok()) return listener.status();
  out.listener_ = *std::move(listener);
  const sockaddr_in at = SocketAddress(bridge.server().address);
  if (bind(out.listener_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)) != 0) return Errno("bind");
  if (listen(out.listener_.get(), 128) != 0) return Errno("listen");
  auto client = out.Connect();
  if (!client.ok()) return client.status();
  out.client_ = *std::move(client);
  out.server_ = UniqueFd(accept4(out.listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!out.server_.ok()) return Errno("accept");
  const int on = 1;
  if (setsockopt(out.server_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) return Errno("TCP_NODELAY");
  return out;
}

absl::StatusOr<double> Traffic::RoundTrip(int count) {
  std::vector<double> seconds;
  const auto server = [&] {
    absl::Status status;
    for (int i = 0; i < count && status.ok(); ++i) {
      status = ReceiveByte(server_.get());
      if (status.ok()) status = SendByte(server_.get());
    }
    return status;
  };
  const auto client = [&] {
    absl::Status status;
    for (int i = 0; i < count && status.ok(); ++i) {
      const double start = Now(CLOCK_MONOTONIC);
      status = SendByte(client_.get());
      if (status.ok()) status = ReceiveByte(client_.get());
      seconds.push_back(Now(CLOCK_MONOTONIC) - start);
    }
    return status;
  };
  if (auto status = Together(server, client); !status.ok()) return status;
  return Median(seconds);
}

absl::StatusOr<Cost> Traffic::Connections(const CpuMeter& meter, int count) {
  std::vector<double> seconds;
  const auto server = [&] {
    absl::Status status;
    for (int i = 0; i < count && status.ok(); ++i) {
      const UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      status = fd.ok() ? ReceiveByte(fd.get()) : Errno("accept");
      if (status.ok()) status = SendByte(fd.get());
    }
    return status;
  };
  const auto client = [&] {
    absl::Status status;
    for (int i = 0; i < count && status.ok(); ++i) {
      const double start = Now(CLOCK_MONOTONIC);
      auto fd = Connect();
      if (!fd.ok()) return fd.status();
      status = SendByte(fd->get());
      if (status.ok()) status = ReceiveByte(fd->get());
      *fd = UniqueFd();
      seconds.push_back(Now(CLOCK_MONOTONIC) - start);
    }
    return status;
  };
  auto cost = Metered(meter, count, [&] { return Together(server, client); });
  if (cost.ok()) cost->seconds = Median(seconds);
  return cost;
}

absl::StatusOr<Cost> Traffic::Bulk(const CpuMeter& meter, uint64_t bytes) {
  const auto server = [&] {
    std::vector<char> buffer(kChunk);
    for (uint64_t left = bytes; left > 0;) {
      const ssize_t got = recv(server_.get(), buffer.data(), std::min<uint64_t>(buffer.size(), left), 0);
      if (got <= 0) return Errno("recv");
      left -= static_cast<uint64_t>(got);
    }
    return SendByte(server_.get());
  };
  const auto client = [&] {
    const std::vector<char> buffer(kChunk);
    for (uint64_t left = bytes; left > 0;) {
      const ssize_t sent = send(client_.get(), buffer.data(), std::min<uint64_t>(buffer.size(), left), MSG_NOSIGNAL);
      if (sent <= 0) return Errno("send");
      left -= static_cast<uint64_t>(sent);
    }
    return ReceiveByte(client_.get());
  };
  return Metered(meter, static_cast<double>(bytes), [&] { return Together(server, client); });
}

}  // namespace bulkhead::bench

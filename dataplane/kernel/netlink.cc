// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/netlink.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <linux/netfilter/nfnetlink.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

constexpr int kReceiveBuffer = 8 * 1024 * 1024;  // bytes; a burst of a few thousand links fits
constexpr int kDumpTries = 16;
constexpr int kMostErrno = 4096;  // MAX_ERRNO of the kernel's include/linux/err.h, and one
constexpr int kMostAtOnce = 2048;  // notifications
constexpr timeval kPatience = {10, 0};  // for the kernel to answer; it does at once unless something is badly wrong

absl::Status Errno(const char* what) { return absl::ErrnoToStatus(errno, what); }

// What a message of type NLMSG_ERROR says; 0 is an acknowledgement.
absl::Status ErrorOf(const nlmsghdr& message, const char* what) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(nlmsgerr)) return absl::InternalError(absl::StrCat(what, ": an error that is cut"));
  const int error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(&message))->error;
  if (error == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(error < 0 && error > -kMostErrno ? -error : EPROTO, what);
}

class KernelChannel : public NetlinkChannel {
 public:
  explicit KernelChannel(mnl_socket* socket) : socket_(socket) {}
  int fd() const override { return mnl_socket_get_fd(socket_.get()); }
  ssize_t Send(const nlmsghdr& message) override { return mnl_socket_sendto(socket_.get(), &message, message.nlmsg_len); }
  ssize_t Receive(void* buffer, size_t size) override { return mnl_socket_recvfrom(socket_.get(), buffer, size); }

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  std::unique_ptr<mnl_socket, Closer> socket_;
};

}  // namespace

NetlinkRequest::NetlinkRequest(uint16_t type, uint16_t flags) {
  nlmsghdr* header = mnl_nlmsg_put_header(buffer_.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
}

absl::StatusOr<NetlinkSocket> NetlinkSocket::Open(std::span<const int> groups, int protocol) {
  mnl_socket* raw = mnl_socket_open2(protocol, SOCK_CLOEXEC | (groups.empty() ? 0 : SOCK_NONBLOCK));
  if (raw == nullptr) return Errno("netlink socket");
  NetlinkSocket socket(std::make_unique<KernelChannel>(raw));
  if (mnl_socket_bind(raw, 0, MNL_SOCKET_AUTOPID) != 0) return Errno("netlink bind");
  // Address dumps heed IFA_TARGET_NETNSID only with strict checking (net/ipv4/devinet.c).
  int on = 1;
  if (setsockopt(socket.fd(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) != 0) return Errno("netlink strict checking");
  if (groups.empty()) {
    if (setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience)) != 0) return Errno("netlink patience");
    return socket;
  }
  // Best effort: overruns are noticed anyway.
  static_cast<void>(setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer)));
  for (int group : groups) {
    if (mnl_socket_setsockopt(raw, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0) return Errno("netlink group");
  }
  return socket;
}

absl::Status NetlinkSocket::Send(NetlinkRequest& request) {
  request.message()->nlmsg_seq = ++sequence_;
  if (channel_->Send(*request.message()) < 0) return Errno("netlink send");
  return absl::OkStatus();
}

ssize_t NetlinkSocket::Receive() {
  ssize_t got;
  do {
    got = channel_->Receive(buffer_.data(), buffer_.size() * sizeof(buffer_[0]));
  } while (got < 0 && errno == EINTR);
  return got;
}

// Always with an acknowledgement: some requests have no answer when there is nothing to tell.
absl::Status NetlinkSocket::Talk(NetlinkRequest& request, const NetlinkCallback& callback) {
  request.message()->nlmsg_flags |= NLM_F_ACK;
  if (auto status = Send(request); !status.ok()) return status;
  while (true) {
    const ssize_t got = Receive();
    if (got < 0) return Errno("netlink receive");
    int left = static_cast<int>(got);
    for (auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data()); IsWholeMessage(message, left);
         message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_seq != sequence_) continue;
      if (message->nlmsg_type == NLMSG_ERROR) {
        return ErrorOf(*message, "netlink request");
      }
      if (callback) callback(*message);
    }
  }
}

absl::Status NetlinkSocket::Dump(NetlinkRequest& request, const std::function<void()>& restart, const NetlinkCallback& callback) {
  request.message()->nlmsg_flags |= NLM_F_DUMP;
  absl::Status status;
  for (int i = 0; i < kDumpTries; ++i) {
    restart();
    if (status = Send(request); !status.ok()) return status;
    status = DumpOnce(callback);
    if (!absl::IsAborted(status)) return status;
  }
  return status;
}

absl::Status NetlinkSocket::DumpOnce(const NetlinkCallback& callback) {
  bool interrupted = false;
  while (true) {
    const ssize_t got = Receive();
    if (got < 0) return Errno("netlink receive");
    int left = static_cast<int>(got);
    for (auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data()); IsWholeMessage(message, left);
         message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_seq != sequence_) continue;
      interrupted |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      if (message->nlmsg_type == NLMSG_ERROR) {
        return ErrorOf(*message, "netlink dump");
      }
      if (message->nlmsg_type == NLMSG_DONE) {
        // A dump that fails half-way says so in its last message.
        if (mnl_nlmsg_get_payload_len(message) >= sizeof(int)) {
          const int error = *static_cast<const int*>(mnl_nlmsg_get_payload(message));
          if (error < 0) return absl::ErrnoToStatus(error > -kMostErrno ? -error : EPROTO, "netlink dump");
        }
        return interrupted ? absl::AbortedError("the tables changed during every dump") : absl::OkStatus();
      }
      callback(*message);
    }
  }
}

uint32_t NetlinkSocket::port() const {
  sockaddr_nl own{};
  socklen_t size = sizeof(own);
  return getsockname(fd(), reinterpret_cast<sockaddr*>(&own), &size) == 0 ? own.nl_pid : 0;
}

// A transaction is one datagram, and must fit (af_netlink.c: netlink_sendmsg). Where the buffer cannot grow, sending says so.
void NetlinkSocket::MakeRoomToSend(size_t bytes) {
  const int wanted = static_cast<int>(bytes + 4096);
  static_cast<void>(setsockopt(fd(), SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof(wanted)));
}

absl::Status NetlinkSocket::TalkBatch(std::span<uint8_t> messages) {
  const uint32_t first = sequence_ + 1;
  nlmsghdr* last = nullptr;
  int left = static_cast<int>(messages.size());
  for (auto* message = reinterpret_cast<nlmsghdr*>(messages.data()); mnl_nlmsg_ok(message, left);
       message = reinterpret_cast<nlmsghdr*>(mnl_nlmsg_next(message, &left))) {
    message->nlmsg_seq = ++sequence_;
    if (message->nlmsg_type != NFNL_MSG_BATCH_END) last = message;
  }
  if (last == nullptr) return absl::InvalidArgumentError("an empty netlink batch");
  last->nlmsg_flags |= NLM_F_ACK;
  MakeRoomToSend(messages.size());
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const auto* to = reinterpret_cast<const sockaddr*>(&kernel);
  if (sendto(fd(), messages.data(), messages.size(), 0, to, sizeof(kernel)) < 0) return Errno("netlink send");
  while (true) {
    const ssize_t got = Receive();
    if (got < 0) return Errno("netlink receive");
    int answered = static_cast<int>(got);
    for (auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data()); IsWholeMessage(message, answered);
         message = mnl_nlmsg_next(message, &answered)) {
      if (message->nlmsg_type != NLMSG_ERROR || message->nlmsg_seq - first > sequence_ - first) continue;
      if (absl::Status status = ErrorOf(*message, "netlink batch"); !status.ok()) return status;
      if (message->nlmsg_seq == last->nlmsg_seq) return absl::OkStatus();
    }
  }
}

absl::Status NetlinkSocket::Drain(const NetlinkCallback& callback) {
  bool lost = false;
  // A storm of them must not keep the caller here: what is left makes the socket readable again.
  for (int i = 0; i < kMostAtOnce; ++i) {
    const ssize_t got = Receive();
    if (got < 0 && (errno == ENOBUFS || errno == ENOSPC)) {  // ENOSPC: libmnl's word for a message beyond the buffer
      lost = true;
      continue;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return lost ? absl::DataLossError("netlink notifications were lost") : absl::OkStatus();
    }
    if (got < 0) return Errno("netlink receive");
    int left = static_cast<int>(got);
    for (auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data()); IsWholeMessage(message, left);
         message = mnl_nlmsg_next(message, &left)) {
      callback(*message);
    }
  }
  return lost ? absl::DataLossError("netlink notifications were lost") : absl::OkStatus();
}

uint32_t U32Or(const nlattr* attribute, uint32_t otherwise) {
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) != sizeof(uint32_t)) return otherwise;
  return mnl_attr_get_u32(attribute);
}

std::string StringOf(const nlattr* attribute) {
  if (attribute == nullptr) return "";
  const char* text = static_cast<const char*>(mnl_attr_get_payload(attribute));
  return std::string(text, strnlen(text, mnl_attr_get_payload_len(attribute)));
}

}  // namespace bulkhead

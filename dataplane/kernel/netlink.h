// SPDX-License-Identifier: Apache-2.0
// A netlink socket: requests, dumps and notifications. A socket belongs to the network namespace of the thread that opened
// it. Thread safety: one thread at a time.
#ifndef BULKHEAD_DATAPLANE_KERNEL_NETLINK_H_
#define BULKHEAD_DATAPLANE_KERNEL_NETLINK_H_

#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bulkhead {

// One request message under construction. Small by nature: everything that we send fits.
class NetlinkRequest {
 public:
  NetlinkRequest(uint16_t type, uint16_t flags);

  template <typename Header>
  void AddHeader(const Header& header) {
    std::memcpy(mnl_nlmsg_put_extra_header(message(), sizeof(Header)), &header, sizeof(Header));
  }
  void AddU32(uint16_t attribute, uint32_t value) { mnl_attr_put_u32(message(), attribute, value); }

  void AddBytes(uint16_t attribute, const void* bytes, size_t size) { mnl_attr_put(message(), attribute, size, bytes); }

  nlmsghdr* message() { return reinterpret_cast<nlmsghdr*>(buffer_.data()); }

 private:
  alignas(nlmsghdr) std::array<uint8_t, 512> buffer_{};
};

// Whether a whole message stands there. mnl_nlmsg_ok of libmnl 1.0.4 takes a length of 2 GiB and more for a negative one.
inline bool IsWholeMessage(const nlmsghdr* message, int left) {
  return mnl_nlmsg_ok(message, left) && message->nlmsg_len <= static_cast<uint32_t>(left);
}

using NetlinkCallback = std::function<void(const nlmsghdr&)>;

// What a NetlinkSocket speaks through: the kernel's socket, or a test's own kernel.
class NetlinkChannel {
 public:
  virtual ~NetlinkChannel() = default;
  virtual int fd() const = 0;
  // As sendto(2) and recvfrom(2): bytes, or -1 with errno. ENOSPC: the message was longer than the buffer.
  virtual ssize_t Send(const nlmsghdr& message) = 0;
  virtual ssize_t Receive(void* buffer, size_t size) = 0;
};

class NetlinkSocket {
 public:
  explicit NetlinkSocket(std::unique_ptr<NetlinkChannel> channel)
      : channel_(std::move(channel)), buffer_(64 * 1024 / sizeof(uint64_t)) {}
  // groups: of the protocol (NETLINK_ROUTE: RTNLGRP_...) to listen to. With any, the socket does not block and has a large receive
  // buffer.
  static absl::StatusOr<NetlinkSocket> Open(std::span<const int> groups = {}, int protocol = NETLINK_ROUTE);

  int fd() const { return channel_->fd(); }

  // Sends a request, calls back for what it answers (`callback` may be null), and returns at its acknowledgement.
  absl::Status Talk(NetlinkRequest& request, const NetlinkCallback& callback);
  // Sends a dump request; `restart` is called before each try, since the kernel may find its tables changed under the dump
  // (NLM_F_DUMP_INTR): what was called back until then is void. kAborted after 16 tries.
  absl::Status Dump(NetlinkRequest& request, const std::function<void()>& restart, const NetlinkCallback& callback);
  // Sends messages that are one transaction of nfnetlink, from its begin to its end, numbers them, and returns at the acknowledgement of
  // the last of them; else with the first error. All of it is in force then, or nothing.
  absl::Status TalkBatch(std::span<uint8_t> messages);
  // By which the kernel's notifications name who made a change.
  uint32_t port() const;
  // Calls back for each notification that is there, some thousands at most. kDataLoss: the kernel had to drop some (ENOBUFS); the caller must dump anew.
  absl::Status Drain(const NetlinkCallback& callback);

 private:
  absl::Status Send(NetlinkRequest& request);
  // Into buffer_; bytes, or -1 with errno, which is never EINTR.
  ssize_t Receive();
  void MakeRoomToSend(size_t bytes);
  // One try of a dump.
  absl::Status DumpOnce(const NetlinkCallback& callback);

  std::unique_ptr<NetlinkChannel> channel_;
  std::vector<uint64_t> buffer_;  // 64 KiB, aligned; the kernel's dump parts are at most 32 KiB
  uint32_t sequence_ = 0;
};

// The attributes of a message behind its header of `header_size` bytes, or nested in an attribute. Types above N are left out; of a
// type that comes twice the last counts. Sizes are the caller's to check.
template <size_t N>
using NetlinkAttributes = std::array<const nlattr*, N + 1>;

template <size_t N>
NetlinkAttributes<N> AttributesIn(const void* begin, const void* end) {
  NetlinkAttributes<N> out{};
  const auto left = [&](const nlattr* at) {
    return static_cast<int>(static_cast<const char*>(end) - reinterpret_cast<const char*>(at));
  };
  for (const auto* at = static_cast<const nlattr*>(begin); mnl_attr_ok(at, left(at)); at = mnl_attr_next(at)) {
    if (mnl_attr_get_type(at) <= N) out[mnl_attr_get_type(at)] = at;
  }
  return out;
}

template <size_t N>
NetlinkAttributes<N> AttributesOf(const nlmsghdr& message, size_t header_size) {
  return AttributesIn<N>(mnl_nlmsg_get_payload_offset(&message, header_size), mnl_nlmsg_get_payload_tail(&message));
}

template <size_t N>
NetlinkAttributes<N> AttributesOf(const nlattr& nest) {
  const char* begin = static_cast<const char*>(mnl_attr_get_payload(&nest));
  return AttributesIn<N>(begin, begin + mnl_attr_get_payload_len(&nest));
}

// Absent or of a wrong size: the other value.
uint32_t U32Or(const nlattr* attribute, uint32_t otherwise);
std::string StringOf(const nlattr* attribute);

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_KERNEL_NETLINK_H_

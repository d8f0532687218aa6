// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/netlink.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "bulkhead/model/common.h"
#include "dataplane/fast_path/decide.h"
#include "dataplane/fast_path/read.h"
#include "dataplane/kernel/links.h"
#include "dataplane/kernel/netns.h"
#include "dataplane/kernel/sockets.h"
#include "dataplane/kernel/tc.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/targets.h"

#ifdef __has_include
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(begin, size) (static_cast<void>(begin), static_cast<void>(size))
#define ASAN_UNPOISON_MEMORY_REGION(begin, size) (static_cast<void>(begin), static_cast<void>(size))
#endif

namespace bulkhead {
namespace {

// A kernel that says what it is told to, whatever it is asked. Behind its last word it is silent.
class ScriptedKernel : public NetlinkChannel {
 public:
  explicit ScriptedKernel(std::string_view script) : script_(script) {}
  ~ScriptedKernel() override { ASAN_UNPOISON_MEMORY_REGION(poisoned_.first, poisoned_.second); }

  int fd() const override { return -1; }

  ssize_t Send(const nlmsghdr& message) override {
    sequence_ = message.nlmsg_seq;
    return static_cast<ssize_t>(message.nlmsg_len);
  }

  ssize_t Receive(void* buffer, size_t size) override {
    ASAN_UNPOISON_MEMORY_REGION(buffer, size);
    if (script_.size() < 2) {
      errno = EAGAIN;
      return -1;
    }
    const size_t told = static_cast<uint8_t>(script_[0]) | static_cast<size_t>(static_cast<uint8_t>(script_[1])) << 8;
    script_.remove_prefix(2);
    const size_t length = std::min({told, script_.size(), size});
    if (length == 0) {
      errno = ENOBUFS;
      return -1;
    }
    char* const bytes = static_cast<char*>(buffer);
    std::memcpy(bytes, script_.data(), length);
    script_.remove_prefix(length);
    GiveSequence(bytes, static_cast<int>(length));
    poisoned_ = {bytes + length, size - length};
    ASAN_POISON_MEMORY_REGION(poisoned_.first, poisoned_.second);
    return static_cast<ssize_t>(length);
  }

 private:
  // Messages are answers to the latest request, but for those with the sequence number 0.
  void GiveSequence(char* bytes, int left) const {
    for (auto* message = reinterpret_cast<nlmsghdr*>(bytes); IsWholeMessage(message, left);
         message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_seq != 0) message->nlmsg_seq = sequence_;
    }
  }

  std::string_view script_;
  uint32_t sequence_ = 0;
  std::pair<char*, size_t> poisoned_{nullptr, 0};
};

void CheckLink(const Link& link) {
  Require(link.name.find('\0') == std::string::npos && link.kind.find('\0') == std::string::npos, "a name with a zero in it");
}

void CheckAddress(const LinkAddress& address) {
  Require(address.address.family == 4 || address.address.family == 6, "an address that is none");
  Require(IpAddress::Parse(address.address.ToString()) == address.address, "an address that is not what it prints as");
}

void AskLinks(NetlinkSocket& socket) {
  if (const auto links = DumpLinks(socket); links.ok()) {
    for (const Link& link : *links) CheckLink(link);
  }
}

void AskAddresses(NetlinkSocket& socket) {
  if (const auto addresses = DumpAddresses(socket); addresses.ok()) {
    for (const LinkAddress& address : *addresses) CheckAddress(address);
  }
}

void AskRoute(NetlinkSocket& socket) {
  (void)RouteTo(socket, IpAddress::V4(192, 0, 2, 1));
  (void)RouteTo(socket, *IpAddress::Parse("fd00::1"));
}

void AskFilters(NetlinkSocket& socket) {
  if (const auto filters = DumpFilters(socket, 7); filters.ok()) {
    for (const TcFilter& filter : *filters) Require(filter.ifindex == 7 && filter.handle != 0, "a filter that packets never meet");
  }
  (void)HasClsact(socket, 7);
}

void AskNsid(NetlinkSocket& socket) {
  const auto nsid = FindNsid(socket, -1);
  if (nsid.ok() && nsid->has_value()) Require(**nsid != -1, "a number that says there is none");
}

void AskFacts(NetlinkSocket& socket) {
  fast_path::Facts facts;
  if (!fast_path::ReadBridges(socket, facts).ok() || !fast_path::ReadForeign(socket, {}, facts).ok() ||
      !fast_path::ReadTables(socket, facts).ok()) {
    return;
  }
  for (auto& [ifindex, bridge] : facts.bridges) {
    bridge.up = bridge.calls_ip_hooks = true;
    std::set<uint32_t> ports;
    for (const auto& [index, port] : facts.ports) {
      if (port.bridge == ifindex) ports.insert(index);
    }
    (void)fast_path::WhyNot(facts, ifindex, ports);
  }
}

void AskTables(NetlinkSocket& socket) {
  fast_path::Facts facts;
  facts.bridges[10] = {"br0", true, false, true, ""};
  facts.ports[11] = {"v-web", 10, true, false, false, ""};
  if (fast_path::ReadTables(socket, facts).ok()) (void)fast_path::WhyNot(facts, 10, {11});
}

void AskSockets(NetlinkSocket& socket) {
  constexpr PortRange kLocal = {32768, 60999};
  const auto ports = ReadListeningPorts(socket, kLocal);
  if (!ports.ok()) return;
  Require(ports->size() <= kMostListeningPorts, "too many ports");
  for (size_t i = 0; i < ports->size(); ++i) {
    const ListeningPort& port = (*ports)[i];
    Require(port.port != 0 && (i == 0 || (*ports)[i - 1] < port), "ports that are not sorted");
    Require(port.protocol != kProtoUdp || port.port < kLocal.first || port.port > kLocal.second, "a port of a client");
  }
}

void ListenToLinks(NetlinkSocket& socket) {
  LinkMonitor monitor(std::move(socket));
  (void)monitor.Drain([](const LinkEvent& event) {
    const bool of_link = event.type == LinkEvent::Type::kLink || event.type == LinkEvent::Type::kLinkGone;
    of_link ? CheckLink(event.link) : CheckAddress(event.address);
  });
}

constexpr void (*kReaders[])(NetlinkSocket&) = {AskLinks, AskAddresses, AskRoute,   AskFilters,   AskNsid,
                                                AskFacts, AskTables,    AskSockets, ListenToLinks};

}  // namespace

void FuzzNetlink(std::string_view bytes) {
  if (bytes.empty()) return;
  NetlinkSocket socket(std::make_unique<ScriptedKernel>(bytes.substr(1)));
  kReaders[static_cast<uint8_t>(bytes.front()) % std::size(kReaders)](socket);
}

}  // namespace bulkhead

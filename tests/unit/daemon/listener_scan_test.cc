// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/listener_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "dataplane/kernel/netns.h"
#include "dataplane/kernel/sockets.h"
#include "tests/lab/netns.h"

namespace bulkhead {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

using Observed = std::map<std::string, ObservedWorkload>;

void Add(Observed* observed, const std::string& key, IdentityId identity = 17, uint64_t token = 1) {
  ObservedWorkload& workload = (*observed)[key];
  workload.identity = identity;
  workload.place.key = key;
  workload.place.token = token;
}

std::vector<std::string> Keys(const std::vector<ObservedWorkload>& workloads) {
  std::vector<std::string> out;
  for (const ObservedWorkload& workload : workloads) out.push_back(workload.place.key);
  return out;
}

TEST(ListenerScan, LooksAtOnceThenAgainThenNowAndThen) {
  ListenerScan scan;
  Observed observed;
  Add(&observed, "a");
  uint64_t now = 100 * kSecond;
  EXPECT_THAT(Keys(scan.Choose(observed, now)), ElementsAre("a"));
  EXPECT_THAT(Keys(scan.Choose(observed, now + ListenerScan::kSecondLook - 1)), IsEmpty());
  now += ListenerScan::kSecondLook;
  EXPECT_THAT(Keys(scan.Choose(observed, now)), ElementsAre("a"));
  EXPECT_THAT(Keys(scan.Choose(observed, now + ListenerScan::kAgain - 1)), IsEmpty());
  EXPECT_THAT(Keys(scan.Choose(observed, now + ListenerScan::kAgain)), ElementsAre("a"));
}

TEST(ListenerScan, NewEdgesAndNewProcessesAreAReason) {
  ListenerScan scan;
  Observed observed;
  Add(&observed, "a", 17);
  Add(&observed, "b", 18);
  (void)scan.Choose(observed, 0);
  (void)scan.Choose(observed, ListenerScan::kSecondLook);
  scan.Want({18, 99});
  EXPECT_THAT(Keys(scan.Choose(observed, ListenerScan::kSecondLook + 1)), ElementsAre("b"));
  EXPECT_THAT(Keys(scan.Choose(observed, ListenerScan::kSecondLook + 2)), IsEmpty()) << "once";
  Add(&observed, "a", 17, 2);
  EXPECT_THAT(Keys(scan.Choose(observed, ListenerScan::kSecondLook + 3)), ElementsAre("a"));
}

TEST(ListenerScan, AFewAtATimeAndEachHasItsTurn) {
  ListenerScan scan;
  Observed observed;
  for (int i = 0; i < 100; ++i) Add(&observed, "w" + std::to_string(i));
  std::set<std::string> seen;
  for (int round = 0; round < 4; ++round) {
    scan.Want({17});  // all of them, all the time
    const auto chosen = scan.Choose(observed, static_cast<uint64_t>(round + 1) * kSecond / 10);
    EXPECT_THAT(chosen, SizeIs(testing::Le(ListenerScan::kAtOnce)));
    for (const std::string& key : Keys(chosen)) seen.insert(key);
  }
  EXPECT_THAT(seen, SizeIs(100));
}

// Sockets of a namespace that looks like a workload's.
class ListenerScanTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = lab::WhyNoNamespaces(); !why.empty()) GTEST_SKIP() << why;
    home_ = *lab::TestNetns::Create();
    peer_.emplace(*lab::PeerNetns::Create());
    NetlinkSocket host = *NetlinkSocket::Open();
    KernelWriter writer;
    workload_.identity = 17;
    workload_.place.netns_path = peer_->path();
    workload_.nsid = *EnsureNsid(host, writer, peer_->fd());
  }
  // Kept open until the test ends. address: "" = any.
  void Socket(int family, int type, uint16_t port, bool listen_on, bool loopback = false) {
    const absl::Status status = peer_->Run([&]() -> absl::Status {
      UniqueFd fd(socket(family, type | SOCK_CLOEXEC, 0));
      sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(loopback ? INADDR_LOOPBACK : INADDR_ANY)}, .sin_zero = {}};
      sockaddr_in6 v6{};
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      v6.sin6_addr = loopback ? in6addr_loopback : in6addr_any;
      const auto* address = family == AF_INET ? reinterpret_cast<sockaddr*>(&v4) : reinterpret_cast<sockaddr*>(&v6);
      if (bind(fd.get(), address, family == AF_INET ? sizeof(v4) : sizeof(v6)) != 0) return absl::ErrnoToStatus(errno, "bind");
      if (listen_on && listen(fd.get(), 1) != 0) return absl::ErrnoToStatus(errno, "listen");
      fds_.push_back(std::move(fd));
      return absl::OkStatus();
    });
    ASSERT_TRUE(status.ok()) << status;
  }
  std::vector<std::pair<int, int>> Read() {
    std::vector<std::pair<int, int>> out;
    const auto listeners = ReadListeners({workload_});
    EXPECT_TRUE(listeners.ok()) << listeners.status();
    if (!listeners.ok()) return out;
    for (const Listener& listener : *listeners) {
      EXPECT_EQ(listener.identity, 17u);
      out.emplace_back(listener.protocol, listener.port);
    }
    return out;
  }

  std::unique_ptr<lab::TestNetns> home_;
  std::optional<lab::PeerNetns> peer_;
  ObservedWorkload workload_;
  std::vector<UniqueFd> fds_;
};

TEST_F(ListenerScanTest, FindsWhatWaitsForStrangers) {
  ASSERT_TRUE(peer_->Command({"ip", "link", "set", "lo", "up"}).ok());
  Socket(AF_INET, SOCK_STREAM, 80, true);
  Socket(AF_INET6, SOCK_STREAM, 443, true);
  Socket(AF_INET, SOCK_DGRAM, 53, false);
  Socket(AF_INET6, SOCK_DGRAM, 546, false);
  Socket(AF_INET6, SOCK_STREAM, 80, true, /*loopback=*/true);
  EXPECT_THAT(Read(), UnorderedElementsAre(std::pair(6, 80), std::pair(6, 443), std::pair(17, 53), std::pair(17, 546)));
}

TEST_F(ListenerScanTest, LeavesOutWhatDoesNot) {
  ASSERT_TRUE(peer_->Command({"ip", "link", "set", "lo", "up"}).ok());
  Socket(AF_INET, SOCK_STREAM, 81, false);
  Socket(AF_INET, SOCK_STREAM, 82, true, true);
  Socket(AF_INET6, SOCK_DGRAM, 5353, false, true);
  Socket(AF_INET, SOCK_DGRAM, 40000, false);  // a client that does not connect has such a port
  Socket(AF_INET, SOCK_STREAM, 40000, true);  // but whoever listens means it
  EXPECT_THAT(Read(), ElementsAre(std::pair(6, 40000)));
}

TEST_F(ListenerScanTest, TheNamespaceSaysWhichPortsAreLocal) {
  ASSERT_TRUE(peer_->Command({"sh", "-c", "echo 5000 5999 > /proc/sys/net/ipv4/ip_local_port_range"}).ok());
  Socket(AF_INET, SOCK_DGRAM, 5500, false);
  Socket(AF_INET, SOCK_DGRAM, 40000, false);
  EXPECT_THAT(Read(), ElementsAre(std::pair(17, 40000)));
}

TEST_F(ListenerScanTest, AnotherNamespaceIsNotLookedInto) {
  Socket(AF_INET, SOCK_STREAM, 80, true);
  ++workload_.nsid;
  EXPECT_THAT(Read(), IsEmpty());
  --workload_.nsid;
  EXPECT_THAT(Read(), SizeIs(1));
  const NetnsId here = *CurrentNetns();
  EXPECT_EQ(*IdentifyNetns(home_->fd()), here) << "nobody else's thread has moved";
  workload_.place.netns_path = "/proc/self/ns/mnt";
  EXPECT_THAT(Read(), IsEmpty());
}

}  // namespace
}  // namespace bulkhead

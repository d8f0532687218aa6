// SPDX-License-Identifier: Apache-2.0
// The small parts: loop, worker, ring of events, attaching, start checks, host addresses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "controlplane/daemon/attach_keeper.h"
#include "controlplane/daemon/event_loop.h"
#include "controlplane/daemon/clock_watch.h"
#include "controlplane/daemon/event_ring.h"
#include "controlplane/daemon/folder_watch.h"
#include "controlplane/daemon/host_addresses.h"
#include "controlplane/daemon/start_checks.h"
#include "controlplane/daemon/this_node.h"
#include "controlplane/daemon/worker.h"
#include "fakes.h"

namespace bulkhead {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(EventLoopTest, RunsPostedWorkInOrderAndAfterRoundOnce) {
  auto loop = *EventLoop::Create();
  std::vector<int> seen;
  int rounds = 0;
  loop->AfterRound([&] { ++rounds; });
  for (int i = 0; i < 5; ++i) loop->Post([&, i] { seen.push_back(i); });
  loop->Post([&] { loop->Stop(); });
  loop->Run();
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(rounds, 1);
  EXPECT_FALSE(loop->Post([] {})) << "nobody will do it";
}

TEST(EventLoopTest, FullQueueHoldsTheCallerAndLosesNothing) {
  auto loop = *EventLoop::Create(4);
  std::atomic<int> done = 0;
  std::thread poster([&] {
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(loop->Post([&] { ++done; }));
    loop->Post([&] { loop->Stop(); });
  });
  loop->Run();
  poster.join();
  EXPECT_EQ(done, 1000);
}

TEST(EventLoopTest, WorkThatHandsOverWorkNeverWaitsForItself) {
  auto loop = *EventLoop::Create(1);
  int done = 0;
  loop->Post([&] {
    for (int i = 0; i < 5; ++i) loop->Post([&] { ++done; });
    loop->Post([&] { loop->Stop(); });
  });
  loop->Run();
  EXPECT_EQ(done, 5);
}

TEST(EventLoopTest, StopFreesWhoWaits) {
  auto loop = *EventLoop::Create(1);
  ASSERT_TRUE(loop->Post([] {}));
  std::thread poster([&] { EXPECT_FALSE(loop->Post([] {})); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  loop->Stop();
  poster.join();
}

TEST(EventLoopTest, TimersAndDescriptors) {
  auto loop = *EventLoop::Create();
  const UniqueFd event(eventfd(1, EFD_CLOEXEC));
  bool read_it = false;
  int ticks = 0;
  ASSERT_TRUE(loop->Watch(event.get(), [&] {
    uint64_t count = 0;
    read_it = read(event.get(), &count, sizeof(count)) > 0;
  }).ok());
  ASSERT_TRUE(loop->Every(5, [&] {
    if (++ticks == 3) loop->Stop();
  }).ok());
  loop->Run();
  EXPECT_TRUE(read_it);
  EXPECT_EQ(ticks, 3);
}

TEST(WorkerTest, DoesJobsInOrderAndEnds) {
  std::vector<int> seen;
  {
    Worker worker;
    std::atomic<bool> last = false;
    for (int i = 0; i < 3; ++i) worker.Post([&, i] { seen.push_back(i); });
    worker.Post([&] { last = true; });
    while (!last) std::this_thread::yield();
  }
  EXPECT_THAT(seen, ElementsAre(0, 1, 2));
}

TEST(EventRingTest, KeepsTheLastAndCountsOn) {
  EventRing ring(3);
  EXPECT_EQ(ring.Read(0, [](uint64_t, const bh_event&) { return true; }), 0u);
  for (uint32_t i = 1; i <= 5; ++i) {
    bh_event event{};
    event.ifindex = i;
    ring.Add(event);
  }
  std::vector<uint32_t> seen;
  const auto read = [&](uint64_t after, size_t at_most) {
    seen.clear();
    return ring.Read(after, [&](uint64_t sequence, const bh_event& event) {
      EXPECT_EQ(sequence, event.ifindex);
      seen.push_back(event.ifindex);
      return seen.size() < at_most;
    });
  };
  EXPECT_EQ(read(0, 100), 5u);
  EXPECT_THAT(seen, ElementsAre(3, 4, 5));
  EXPECT_EQ(read(0, 2), 4u);
  EXPECT_EQ(read(4, 100), 5u);
  EXPECT_THAT(seen, ElementsAre(5));
  EXPECT_EQ(read(5, 100), 5u);
  EXPECT_EQ(read(1000, 100), 5u) << "a number of before a restart";
  EXPECT_TRUE(seen.empty());
}

// Jobs are kept, so that the test decides when they run.
class AttachKeeperTest : public testing::Test {
 protected:
  AttachKeeperTest()
      : keeper_(&backend_, [this](AttachKeeper::Job job) { jobs_.push_back(std::move(job)); }, [](const AttachKeeper::Job& job) { job(); },
                [this](uint32_t ifindex, const absl::Status& status) { told_[ifindex] = status; }) {}
  void RunJobs() {
    for (AttachKeeper::Job& job : std::exchange(jobs_, {})) job();
  }
  void Want(uint16_t slot, uint32_t ifindex, uint16_t zone) {
    EndpointState& endpoint = state_.endpoints[slot];
    endpoint.slot = slot;
    endpoint.ifindex = ifindex;
    endpoint.zone = zone;
  }

  FakeBackend backend_;
  std::vector<AttachKeeper::Job> jobs_;
  std::map<uint32_t, absl::Status> told_;
  InventoryState state_;
  AttachKeeper keeper_;
};

TEST_F(AttachKeeperTest, AttachesOnceAndLooksAgainLater) {
  Want(1, 7, 3);
  keeper_.Sync(state_, kSecond);
  keeper_.Sync(state_, kSecond);
  EXPECT_EQ(jobs_.size(), 1u);
  EXPECT_FALSE(keeper_.IsAttached(7));
  RunJobs();
  EXPECT_TRUE(keeper_.IsAttached(7));
  EXPECT_EQ(backend_.attached.at(7), 3);
  keeper_.Sync(state_, 2 * kSecond);
  EXPECT_TRUE(jobs_.empty());
  keeper_.Sync(state_, 100 * kSecond);
  EXPECT_EQ(jobs_.size(), 1u) << "somebody may have taken it off";
}

TEST_F(AttachKeeperTest, OtherZoneIsAttachedAtOnceAndFailuresAgainSoon) {
  Want(1, 7, 3);
  keeper_.Sync(state_, kSecond);
  RunJobs();
  Want(1, 7, 4);
  keeper_.Sync(state_, kSecond);
  RunJobs();
  EXPECT_EQ(backend_.attached.at(7), 4);
  backend_.attach_status = absl::InternalError("no");
  Want(2, 8, 4);
  keeper_.Sync(state_, kSecond);
  RunJobs();
  EXPECT_FALSE(told_.at(8).ok());
  EXPECT_FALSE(keeper_.IsAttached(8));
  keeper_.Sync(state_, kSecond + 1);
  EXPECT_TRUE(jobs_.empty());
  backend_.attach_status = absl::OkStatus();
  keeper_.Sync(state_, 2 * kSecond);
  RunJobs();
  EXPECT_TRUE(keeper_.IsAttached(8));
}

TEST_F(AttachKeeperTest, ReleaseTakesOffFirstAndAttachingAgainWorks) {
  Want(1, 7, 3);
  keeper_.Sync(state_, kSecond);
  RunJobs();
  EXPECT_FALSE(keeper_.Release(7));
  EXPECT_FALSE(keeper_.Release(7));
  EXPECT_EQ(jobs_.size(), 1u);
  RunJobs();
  EXPECT_TRUE(backend_.attached.empty());
  keeper_.Sync(state_, kSecond);  // wanted again before the endpoint was given up
  RunJobs();
  EXPECT_TRUE(keeper_.IsAttached(7));
  EXPECT_FALSE(keeper_.Release(7));
  RunJobs();
  EXPECT_TRUE(keeper_.Release(7));
}

TEST(StartChecksTest, OnlyOneHoldsThePidFile) {
  const TestFolder folder;
  const std::string run = folder.path() + "/run/bulkhead";
  auto first = LockPidFile(run);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = LockPidFile(run);
  EXPECT_TRUE(absl::IsAlreadyExists(second.status()));
  EXPECT_THAT(second.status().message(), HasSubstr("pid " + std::to_string(getpid())));
  *first = UniqueFd();
  EXPECT_TRUE(LockPidFile(run).ok()) << "the file stays, the lock does not";
}

TEST(HostAddressesTest, LoopbackAndVethsLinkLocalAreLeftOut) {
  HostAddresses addresses;
  const auto add = [&](const std::string& text, uint32_t ifindex) {
    LinkAddress address;
    address.address = *IpAddress::Parse(text);
    address.ifindex = ifindex;
    addresses.Add(address);
    return address;
  };
  addresses.OnLink(5, true);
  add("127.0.0.1", 1);
  add("::1", 1);
  add("198.18.0.1", 2);
  add("fe80::1", 2);
  add("fe80::2", 5);
  add("198.18.0.1", 3);
  EXPECT_EQ(addresses.List().size(), 2u);
  LinkAddress gone = add("198.18.0.1", 2);
  addresses.Remove(gone);
  EXPECT_EQ(addresses.List().size(), 2u) << "another interface still has it";
  gone.ifindex = 3;
  addresses.Remove(gone);
  EXPECT_THAT(addresses.List(), ElementsAre(*IpAddress::Parse("fe80::1")));
}

TEST(FolderWatchTest, WaitsUntilItIsQuiet) {
  const TestFolder folder;
  auto watch = *FolderWatch::Open(folder.path());
  constexpr uint64_t kMs = 1'000'000;
  uint64_t now = 1'000'000 * kMs;
  EXPECT_TRUE(watch.Settled(now)) << "the first look";
  EXPECT_FALSE(watch.Settled(now += kMs));
  for (int i = 0; i < 5; ++i) {
    folder.Write("a.yaml", std::to_string(i));
    watch.OnReadable(now += 20 * kMs);
    EXPECT_FALSE(watch.Settled(now += 10 * kMs));
  }
  EXPECT_TRUE(watch.Settled(now += 40 * kMs));
  EXPECT_FALSE(watch.Settled(now += kMs));
  for (int i = 0; i <= 40; ++i) watch.OnReadable(now += 10 * kMs);
  EXPECT_TRUE(watch.Settled(now)) << "one that never ends is not waited for";
  EXPECT_TRUE(watch.Settled(now += 6000 * kMs)) << "now and then without a sign";
}

TEST(ClockWatchTest, TellsOfAJumpForAWhile) {
  FakeClock clock;
  clock.unix_seconds = 1'700'000'000;
  clock.boottime_ns = 5'000'000'000;
  ClockWatch watch;
  EXPECT_TRUE(watch.Look(clock).ok());
  clock.Advance(3600 * kSecond);  // slept, or was not scheduled
  EXPECT_TRUE(watch.Look(clock).ok());
  clock.unix_seconds += 3;  // is being set right
  EXPECT_TRUE(watch.Look(clock).ok());
  clock.unix_seconds -= 86400;
  EXPECT_THAT(std::string(watch.Look(clock).message()), testing::HasSubstr("back by 86400 seconds"));
  clock.Advance(599 * kSecond);
  EXPECT_FALSE(watch.Look(clock).ok());
  clock.Advance(kSecond);
  EXPECT_TRUE(watch.Look(clock).ok());
  clock.unix_seconds += 86400;
  EXPECT_THAT(std::string(watch.Look(clock).message()), testing::HasSubstr("forward by 86400 seconds"));
}

TEST(ThisNodeTest, IsLabelledLikeAKubernetesNode) {
  const auto address = [](const char* text) { return *IpAddress::Parse(text); };
  const KnownNode node =
      ThisNode({{"rack", "a1"}}, {address("169.254.1.1"), address("198.18.0.1"), address("fd00::1"), address("fe80::1")});
  EXPECT_THAT(node.addresses, ElementsAre(address("198.18.0.1"), address("fd00::1")));
  EXPECT_FALSE(node.name.empty());
  EXPECT_EQ(node.labels.at("kubernetes.io/hostname"), node.name);
  EXPECT_EQ(node.labels.at("kubernetes.io/os"), "linux");
#if defined(__x86_64__)
  EXPECT_EQ(node.labels.at("kubernetes.io/arch"), "amd64");
#elif defined(__aarch64__)
  EXPECT_EQ(node.labels.at("kubernetes.io/arch"), "arm64");
#endif
  EXPECT_EQ(node.labels.at("rack"), "a1");
  EXPECT_EQ(node.labels.size(), 4u);
  EXPECT_EQ(ThisNode({{"kubernetes.io/hostname", "node-7"}}, {}).labels.at("kubernetes.io/hostname"), "node-7");
}

}  // namespace
}  // namespace bulkhead

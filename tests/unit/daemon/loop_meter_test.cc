// SPDX-License-Identifier: Apache-2.0
// What the measure of the control loop says, and what it tells systemd.
#include "controlplane/daemon/loop_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "controlplane/daemon/event_loop.h"
#include "controlplane/daemon/supervisor.h"
#include "fakes.h"

namespace bulkhead {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::Pair;

TEST(LoopMeterTest, BlamesTheStepAndNotWhatIsAroundIt) {
  LoopMeter meter;
  meter.BeginRound();
  meter.Run("quick", [] {});
  meter.Run("around", [&meter] {
    std::this_thread::sleep_for(milliseconds(20));
    meter.Run("step", [] { std::this_thread::sleep_for(milliseconds(110)); });
  });
  meter.EndRound();
  meter.BeginRound();
  meter.Run("quick", [] {});
  meter.EndRound();
  const LoopLatency latency = meter.Read();
  EXPECT_EQ(latency.count, 2u);
  EXPECT_EQ(latency.late, 1u);
  EXPECT_THAT(latency.late_by, ElementsAre(Pair("step", 1)));
  EXPECT_GE(latency.longest_ns, 130'000'000u);
  EXPECT_GE(latency.total_ns, latency.longest_ns);
  uint64_t in_buckets = 0;
  for (const uint64_t rounds : latency.rounds) in_buckets += rounds;
  EXPECT_EQ(in_buckets, 2u);
  EXPECT_GE(latency.QuantileNs(1), 130'000'000u);
  EXPECT_LT(latency.QuantileNs(0.5), latency.QuantileNs(1));
  EXPECT_EQ(LoopMeter().Read().QuantileNs(0.99), 0u);
}

TEST(LoopMeterTest, TheLoopMeasuresEachKindOfWork) {
  auto loop = *EventLoop::Create();
  const auto slow = [] { std::this_thread::sleep_for(milliseconds(120)); };
  int ticks = 0;
  ASSERT_TRUE(loop->Every(
                      5,
                      [&] {
                        slow();
                        if (++ticks == 2) loop->Stop();
                      },
                      "slow timer")
                  .ok());
  loop->Post(slow, "slow work");
  loop->Run();
  EXPECT_THAT(loop->latency().late_by, testing::Contains(Pair("slow timer", testing::Ge(1u))));
  EXPECT_GE(loop->latency().late, 2u);
}

// A burst of work lets timers through between its pieces.
TEST(LoopMeterTest, ABurstOfWorkKeepsNoTimerWaiting) {
  auto loop = *EventLoop::Create();
  int done = 0, done_at_tick = -1;
  for (int i = 0; i < 100; ++i) {
    loop->Post([&done] {
      std::this_thread::sleep_for(milliseconds(2));
      ++done;
    });
  }
  ASSERT_TRUE(loop->Every(1,
                          [&] {
                            if (done_at_tick < 0) done_at_tick = done;
                            if (done == 100) loop->Stop();
                          })
                  .ok());
  loop->Run();
  EXPECT_EQ(done, 100);
  EXPECT_LT(done_at_tick, 50);
}

// Stands where systemd would.
class Notified {
 public:
  explicit Notified(const std::string& path) : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
    setenv("WATCHDOG_USEC", "60000", 1);
    setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  }
  ~Notified() {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
    close(fd_);
  }
  std::vector<std::string> Take() {
    std::vector<std::string> out;
    char text[512];
    for (ssize_t got; (got = recv(fd_, text, sizeof(text), 0)) > 0;) out.emplace_back(text, static_cast<size_t>(got));
    return out;
  }

 private:
  int fd_;
};

TEST(SupervisorTest, TellsThatItIsReadyAndOnlyALiveLoopFeedsTheWatchdog) {
  TestFolder folder;
  Notified systemd(folder.path() + "/notify");
  auto loop = *EventLoop::Create();
  auto view = std::make_shared<View>();
  view->generation = 7;
  Supervisor supervisor;
  ASSERT_TRUE(supervisor.Start(loop.get(), [&] { return view; }).ok());
  supervisor.Ready();
  EXPECT_THAT(systemd.Take(), ElementsAre("READY=1", "STATUS=generation 7, 0 workloads, 0 problems"));
  std::vector<std::string> while_stuck;
  int ticks = 0;
  ASSERT_TRUE(loop->Every(100,
                          [&] {
                            if (++ticks == 1) {
                              EXPECT_GE(systemd.Take().size(), 2u) << "every 20 ms until now";
                              std::this_thread::sleep_for(milliseconds(100));
                              while_stuck = systemd.Take();
                            } else {
                              loop->Stop();
                            }
                          })
                  .ok());
  loop->Run();
  EXPECT_TRUE(while_stuck.empty());
  EXPECT_THAT(systemd.Take(), testing::Each("WATCHDOG=1"));
  supervisor.Stopping();
  EXPECT_THAT(systemd.Take(), ElementsAre(testing::StartsWith("STOPPING=1")));
}

}  // namespace
}  // namespace bulkhead

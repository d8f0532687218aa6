// SPDX-License-Identifier: Apache-2.0
// EventLoop: the control thread's epoll loop: file descriptors, timers, and work that other threads hand over.
//
// Each round is measured (LoopMeter): the names given here are those that `status` and the log show for what held it up.
//
// Thread safety: Post, Stop and latency from any thread; everything else from the thread that runs Run (or before it).
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_EVENT_LOOP_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_EVENT_LOOP_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/daemon/loop_meter.h"
#include "dataplane/kernel/unique_fd.h"

namespace bulkhead {

class EventLoop {
 public:
  using Callback = std::function<void()>;

  static constexpr uint64_t kWorkNs = 20'000'000;

  // max_queued: of Post.
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create(size_t max_queued = 8192);

  // `callback` runs whenever fd is readable; the fd stays the caller's.
  absl::Status Watch(int fd, Callback callback, const char* name = "descriptor");
  // `callback` runs each `period_ms`; not while the loop is late, and never twice to catch up.
  absl::Status Every(uint64_t period_ms, Callback callback, const char* name = "timer");
  // Runs after each round in which anything else ran: what many events change is worked out once.
  void AfterRound(Callback callback) { after_round_ = std::move(callback); }

  // Hands work to the loop. While the queue is full the caller waits, unless it is the loop itself: nothing is lost and memory is
  // bounded. In one round as much is done of it as kWorkNs holds, so that a burst keeps no timer waiting. false: the loop has
  // stopped; the work is dropped.
  bool Post(Callback work, const char* name = "work");

  // Returns once Stop was called; what is queued then is dropped.
  void Run();
  void Stop();

  // Runs a step of the callback that runs now, for the measure: what it takes is not the callback's.
  void Step(const char* name, const Callback& step) { meter_.Run(name, step); }
  LoopLatency latency() const { return meter_.Read(); }

 private:
  struct Named {
    Callback run;
    const char* name;
  };
  EventLoop(UniqueFd epoll, UniqueFd wake, size_t max_queued)
      : epoll_(std::move(epoll)), wake_(std::move(wake)), max_queued_(max_queued) {}
  void RunQueued();
  void Wake();

  UniqueFd epoll_;
  UniqueFd wake_;
  std::map<int, Named> watches_;
  std::deque<UniqueFd> timers_;
  Callback after_round_;
  LoopMeter meter_;

  const size_t max_queued_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::deque<Named> queue_;  // guarded by mutex_, as is stopped_
  bool stopped_ = false;
  std::thread::id runs_in_;  // likewise: nobody waits there for what is done there
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_EVENT_LOOP_H_

// SPDX-License-Identifier: Apache-2.0
// Worker: a thread that does, one after the other, what may wait for the kernel or the disk, so that the control thread never does.
//
// Thread safety: Post from any thread. The destructor finishes the job under way, drops the rest and joins.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_WORKER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_WORKER_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace bulkhead {

class Worker {
 public:
  Worker() : thread_([this] { Run(); }) {}
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Never blocks. The callers keep the queue short: each asks again only when it has its answer.
  void Post(std::function<void()> job);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> jobs_;  // guarded by mutex_, as is stopped_
  bool stopped_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_WORKER_H_

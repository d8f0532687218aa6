// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace bulkhead {

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create(size_t max_queued) {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.ok()) return absl::ErrnoToStatus(errno, "epoll_create1");
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.ok()) return absl::ErrnoToStatus(errno, "eventfd");
  std::unique_ptr<EventLoop> loop(new EventLoop(std::move(epoll), std::move(wake), max_queued));
  EventLoop* self = loop.get();
  const absl::Status status = loop->Watch(
      self->wake_.get(), [self] { self->RunQueued(); }, nullptr);
  if (!status.ok()) return status;
  return loop;
}

absl::Status EventLoop::Watch(int fd, Callback callback, const char* name) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return absl::ErrnoToStatus(errno, "epoll_ctl");
  watches_[fd] = {std::move(callback), name};
  return absl::OkStatus();
}

absl::Status EventLoop::Every(uint64_t period_ms, Callback callback, const char* name) {
  UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer.ok()) return absl::ErrnoToStatus(errno, "timerfd_create");
  itimerspec spec{};
  spec.it_interval.tv_sec = static_cast<time_t>(period_ms / 1000);
  spec.it_interval.tv_nsec = static_cast<long>(period_ms % 1000 * 1'000'000);
  spec.it_value = spec.it_interval;
  if (timerfd_settime(timer.get(), 0, &spec, nullptr) != 0) return absl::ErrnoToStatus(errno, "timerfd_settime");
  const int fd = timer.get();
  timers_.push_back(std::move(timer));
  const auto run = [fd, callback = std::move(callback)] {
    uint64_t expirations = 0;
    if (read(fd, &expirations, sizeof(expirations)) > 0) callback();
  };
  return Watch(fd, run, name);
}

void EventLoop::Wake() {
  const uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof(one));
}

bool EventLoop::Post(Callback work, const char* name) {
  {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return stopped_ || queue_.size() < max_queued_ || runs_in_ == std::this_thread::get_id(); });
    if (stopped_) return false;
    queue_.push_back({std::move(work), name});
  }
  Wake();
  return true;
}

void EventLoop::RunQueued() {
  uint64_t count = 0;
  (void)!read(wake_.get(), &count, sizeof(count));
  const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(kWorkNs);
  size_t left = 0;
  do {
    Named work;
    {
      const std::lock_guard lock(mutex_);
      if (queue_.empty()) break;
      work = std::move(queue_.front());
      queue_.pop_front();
      left = queue_.size();
    }
    room_.notify_one();
    meter_.Run(work.name, work.run);
  } while (left > 0 && std::chrono::steady_clock::now() < end);
  if (left > 0) Wake();
}

void EventLoop::Run() {
  std::array<epoll_event, 32> events;
  {
    const std::lock_guard lock(mutex_);
    runs_in_ = std::this_thread::get_id();
  }
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
    }
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    if (count <= 0) continue;
    meter_.BeginRound();
    for (int i = 0; i < count; ++i) {
      const Named& watch = watches_.at(events[static_cast<size_t>(i)].data.fd);
      if (watch.name == nullptr) {
        watch.run();  // measures what it runs
      } else {
        meter_.Run(watch.name, watch.run);
      }
    }
    if (after_round_) meter_.Run("round", after_round_);
    meter_.EndRound();
  }
}

void EventLoop::Stop() {
  std::deque<Named> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(queue_);
  }
  room_.notify_all();
  Wake();
}

}  // namespace bulkhead

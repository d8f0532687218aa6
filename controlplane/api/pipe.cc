// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/pipe.h"

#include <algorithm>
#include <utility>

#include "controlplane/api/errors.h"

namespace bulkhead::api {

bool LinePipe::Write(std::string_view line) {
  std::unique_lock lock(mutex_);
  // A pipe that is empty takes a line of any length, so that none waits forever.
  changed_.wait(lock, [&] { return cancelled_ || taken_ == buffer_.size() || buffer_.size() - taken_ + line.size() < capacity_; });
  if (cancelled_) return false;
  if (taken_ == buffer_.size() || taken_ > capacity_ / 2) {
    buffer_.erase(0, taken_);
    taken_ = 0;
  }
  buffer_.append(line);
  buffer_.push_back('\n');
  started_ = true;
  changed_.notify_all();
  return true;
}

bool LinePipe::Wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [&] { return cancelled_; });
}

void LinePipe::Finish(absl::Status status) {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  status_ = std::move(status);
  // An error after the first line can no longer change the HTTP status: it is the last line.
  if (started_ && !status_.ok()) buffer_ += ErrorBody(status_);
  changed_.notify_all();
}

std::optional<size_t> LinePipe::Read(char* to, size_t size) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return cancelled_ || finished_ || taken_ < buffer_.size(); });
  if (cancelled_) return std::nullopt;
  const size_t count = std::min(size, buffer_.size() - taken_);
  std::copy_n(buffer_.data() + taken_, count, to);
  taken_ += count;
  changed_.notify_all();
  return count;
}

absl::Status LinePipe::WaitForFirst() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return cancelled_ || finished_ || started_; });
  if (cancelled_) return absl::UnavailableError("the daemon is stopping");
  return started_ ? absl::OkStatus() : status_;
}

void LinePipe::Cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  changed_.notify_all();
}

}  // namespace bulkhead::api

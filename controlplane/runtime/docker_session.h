// SPDX-License-Identifier: Apache-2.0
// DockerSession: one connection to an engine, from the first ping until something breaks.
// Not thread-safe, but for Stop.
#ifndef BULKHEAD_CONTROLPLANE_RUNTIME_DOCKER_SESSION_H_
#define BULKHEAD_CONTROLPLANE_RUNTIME_DOCKER_SESSION_H_

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/runtime/docker_tracker.h"
#include "controlplane/runtime/unix_http.h"

namespace bulkhead {

struct DockerTimes {
  std::chrono::milliseconds quick{10'000};    // for an answer that the engine has at hand
  std::chrono::milliseconds slow{30'000};     // for the list, and for an inspection, which may wait for a start
  std::chrono::milliseconds sync{3'000};      // after the list, for all of it to be inspected; then what is known is reported
  std::chrono::milliseconds ping{30'000};     // how often an engine that says nothing is asked whether it is there
  std::chrono::milliseconds resync{300'000};  // an engine drops events for readers that it finds too slow, without a word
};

// The version to speak, given the newest that the engine speaks: "1.41". An error if there is none.
absl::StatusOr<std::string> ChooseDockerApi(std::string_view newest);

class DockerSession {
 public:
  using Flush = std::function<void()>;  // called whenever the tracker may have events to take

  DockerSession(std::string socket, DockerTimes times, DockerTracker* tracker, Flush flush);

  // Returns when the connection is of no use any more, and says why. Cancelled: Stop was called.
  absl::Status Run();
  void Stop();  // from any thread

 private:
  using Clock = std::chrono::steady_clock;

  void OnPing(const absl::StatusOr<HttpAnswer>& answer);
  void OnInfo(absl::StatusOr<HttpAnswer> answer);
  void OpenStream();
  void OnLine(const std::string& line);
  void BeginSync(bool new_connection);
  void CheckTimers();
  std::chrono::milliseconds UntilNextTimer() const;

  void TakeRequests();
  void SendRequests();
  void Send(DockerRequest request);
  std::string PathOf(const DockerRequest& request) const;
  void Fail(absl::Status why);

  UnixHttp http_;
  const DockerTimes times_;
  DockerTracker* const tracker_;
  const Flush flush_;
  std::string api_;    // "/v1.41"
  std::string since_;  // when the engine was first spoken to, seconds.nanoseconds
  absl::Status failure_;
  std::atomic<bool> stopped_{false};
  bool pinging_ = false;
  Clock::time_point sync_due_ = Clock::time_point::max();
  Clock::time_point ping_due_ = Clock::time_point::max();
  Clock::time_point resync_due_ = Clock::time_point::max();
  std::deque<DockerRequest> quick_, slow_;
  int quick_under_way_ = 0, slow_under_way_ = 0;
  std::multimap<Clock::time_point, DockerRequest> delayed_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_RUNTIME_DOCKER_SESSION_H_

// SPDX-License-Identifier: Apache-2.0
// DockerSource: the containers of one engine that speaks the Docker Engine API on a unix socket.
// Its thread does all the work; the sink is called from it. Start and destruction belong to one thread.
#ifndef BULKHEAD_CONTROLPLANE_RUNTIME_DOCKER_SOURCE_H_
#define BULKHEAD_CONTROLPLANE_RUNTIME_DOCKER_SOURCE_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/runtime/docker_session.h"
#include "controlplane/runtime/docker_tracker.h"
#include "controlplane/runtime/source.h"

namespace bulkhead {

struct DockerOptions {
  std::string name = "docker";
  std::string runtime = "docker";
  std::string socket = "/var/run/docker.sock";
  DockerTimes times;
  // Between the end of a connection and the next try; doubled each time, and back at the first
  // after a connection that lasted longer than the last.
  std::chrono::milliseconds first_retry{100};
  std::chrono::milliseconds last_retry{10'000};
};

class DockerSource : public Source {
 public:
  explicit DockerSource(DockerOptions options);
  ~DockerSource() override;

  std::string Name() const override { return options_.name; }
  void Start(SourceSink sink) override;

 private:
  void Run();
  void Flush();
  bool Rest(std::chrono::milliseconds time);  // false: to be stopped

  const DockerOptions options_;
  SourceSink sink_;
  DockerTracker tracker_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;                       // under mutex_
  std::unique_ptr<DockerSession> session_;  // made and ended by the thread, under mutex_
  std::thread thread_;
};

// Sockets of Docker Engines in their usual places that exist; the one of the system first, then those of rootless engines.
std::vector<std::string> FindDockerSockets(const std::string& root = "");

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_RUNTIME_DOCKER_SOURCE_H_

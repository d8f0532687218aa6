// SPDX-License-Identifier: Apache-2.0
// Supervisor: what the daemon tells who started it, by sd_notify(3): that it is ready, how it is, and, from the control loop, that
// it lives. A loop that hangs says nothing, and systemd starts the daemon anew. Without systemd all of it does nothing.
//
// Thread safety: by the thread of the loop.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_SUPERVISOR_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_SUPERVISOR_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "controlplane/api/view.h"
#include "controlplane/daemon/event_loop.h"

namespace bulkhead {

class Supervisor {
 public:
  // The watchdog is fed from `loop` three times in each of its periods.
  absl::Status Start(EventLoop* loop, std::function<std::shared_ptr<const View>()> view);
  void Ready();
  void Stopping();

 private:
  // One line of how the daemon is, when it differs from the last.
  void TellStatus();

  std::function<std::shared_ptr<const View>()> view_;
  std::string told_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_SUPERVISOR_H_

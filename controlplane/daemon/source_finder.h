// SPDX-License-Identifier: Apache-2.0
// SourceFinder: which sources there are: those that the configuration names, else those that are found in their usual places, also
// when they come only after the daemon: at boot nobody knows who is first.
//
// Thread safety: one thread (the control thread).
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_SOURCE_FINDER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_SOURCE_FINDER_H_

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controlplane/config/config.h"
#include "controlplane/runtime/source.h"
#include "controlplane/store/store.h"

namespace bulkhead {

class SourceFinder {
 public:
  // `store` must outlive it. `resume`: the dataplane holds endpoints of before; then an engine that was found in those days counts as
  // found, though it may be down just now, or its containers would be taken for nobody's.
  SourceFinder(const Config& config, Store* store, bool resume);

  // Those that were not given out before, not started.
  std::vector<std::unique_ptr<Source>> FindNew();

 private:
  std::vector<std::string> DockerSockets();

  const Config config_;
  Store* const store_;
  std::set<std::string> remembered_;  // sockets
  std::set<std::string> given_;       // sockets and folders
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_SOURCE_FINDER_H_

// SPDX-License-Identifier: Apache-2.0
// What a running daemon takes up of a changed configuration, and what waits for its next start.
//
// Thread safety: plain functions.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_CONFIG_CHANGE_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_CONFIG_CHANGE_H_

#include <string>
#include <vector>

#include "controlplane/config/config.h"

namespace bulkhead {

struct ConfigChange {
  std::vector<std::string> taken;  // keys, as the file has them
  std::vector<std::string> later;
};

// Copies the keys that can be taken up at once into `running`.
ConfigChange TakeUp(const Config& changed, Config* running);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_CONFIG_CHANGE_H_

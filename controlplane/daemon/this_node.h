// SPDX-License-Identifier: Apache-2.0
// ThisNode: the host as the one node that policy can select here (peer `nodes`), labelled as a kubelet labels its own:
//
//   kubernetes.io/hostname   the host's name, in lower case
//   kubernetes.io/os         linux
//   kubernetes.io/arch       as Go calls it: amd64, arm64, ...
//
// Thread safety: asks the kernel for its names; any thread.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_THIS_NODE_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_THIS_NODE_H_

#include <vector>

#include "bulkhead/model/workload.h"

namespace bulkhead {

// labels: the operator's own; they win over the three above. Its addresses are the host's but for link-local ones, which are no
// node's InternalIP or ExternalIP.
KnownNode ThisNode(const Labels& labels, const std::vector<IpAddress>& host_addresses);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_THIS_NODE_H_

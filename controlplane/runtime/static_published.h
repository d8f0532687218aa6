// SPDX-License-Identifier: Apache-2.0
// The field `published` of a static workload's file. Thread safety: a pure function.
#ifndef BULKHEAD_CONTROLPLANE_RUNTIME_STATIC_PUBLISHED_H_
#define BULKHEAD_CONTROLPLANE_RUNTIME_STATIC_PUBLISHED_H_

#include <string>
#include <vector>

#include "bulkhead/model/workload.h"
#include "controlplane/yaml/node.h"

namespace bulkhead {

// Items {host_port: N, port: N, protocol: TCP|UDP|SCTP, host_address: ADDRESS}; the last two may be missing: TCP, and every address of
// the host, of both families. A mistake adds to errors.
std::vector<PublishedPort> ReadPublishedPorts(const std::vector<yaml::Node>& items, const std::string& file,
                                              std::vector<std::string>* errors);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_RUNTIME_STATIC_PUBLISHED_H_

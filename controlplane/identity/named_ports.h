// SPDX-License-Identifier: Apache-2.0
// The ports of a workload that policy may call by name (`port: http` in a NetworkPolicy, destinationNamedPort in the other kinds):
//
//   label bulkhead.dev/port.NAME=NUMBER[/PROTO]   NAME as RFC 6335 section 5.1 has it; PROTO tcp (the default), udp or sctp
//   EXPOSE of the image                           port 8080/tcp is called "tcp-8080", and nothing else: engines keep no names of
//                                                 ports (that of Compose's `ports:` stays in its file), and to take the names of
//                                                 well-known numbers would be a guess
//   `ports` of a static workload's file           as they stand there
//
// Whom to believe. Labels of the image and its EXPOSE count as much as those given at run time, unlike for identity, service and
// namespace. A name only says which number of this very workload a rule means that lets others reach it: whoever made the image
// decides anyway what listens behind a number, so a stranger's `http=22` opens nothing but a port of the stranger's own. What an
// operator says of a name still counts more: the engine lets a label given at run time replace the image's of the same key, and a
// name in a label, even one whose value is wrong, is never taken from EXPOSE or a file.
//
// Containers that share a network namespace have the ports of its owner, as they have its identity.
//
// Thread safety: pure functions.
#ifndef BULKHEAD_CONTROLPLANE_IDENTITY_NAMED_PORTS_H_
#define BULKHEAD_CONTROLPLANE_IDENTITY_NAMED_PORTS_H_

#include <string>
#include <vector>

#include "bulkhead/model/workload.h"
#include "controlplane/runtime/source.h"

namespace bulkhead {

inline constexpr char kPortLabelPrefix[] = "bulkhead.dev/port.";

// Sorted, at most kMaxNamedPorts: labels of run time come before the image's, and these before the rest. What was left out is told
// in `problems`, a sentence for each reason.
std::vector<NamedPort> NamePorts(const WorkloadReport& report, std::vector<std::string>* problems);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_IDENTITY_NAMED_PORTS_H_

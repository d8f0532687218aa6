// SPDX-License-Identifier: Apache-2.0
// What the daemon gives up for good once the dataplane is loaded: capabilities, the way to new ones, and system calls.
//
// Who takes over the daemon gets what it keeps, so it keeps what it cannot work without:
//
//   CAP_NET_ADMIN     tc filters, XDP and tcx links, nftables, the numbers of namespaces; BPF programs for the network
//   CAP_BPF           maps, programs, links
//   CAP_PERFMON       the verifier's leave for programs that compute with pointers, when an object is loaded anew
//   CAP_SYS_ADMIN     setns into a container's network namespace, BPF objects by their id, and all of the above before Linux 5.8
//   CAP_SYS_PTRACE    /proc/PID/ns/net of processes of other users: it opens them, and traces nothing
//   CAP_DAC_OVERRIDE  policy files that others own, and the sockets of rootless engines, which only their user may enter
//
// The bounding set shrinks to the same, no_new_privs is set, and no program can be executed: nothing given up comes back.
//
// Thread safety: before there is a second thread, since capabilities belong to threads. Later ones inherit all of it.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_CONFINE_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_CONFINE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace bulkhead {

// Their names, as /proc/self/status and systemd have them, without "cap_": those of above.
std::vector<std::string> KeptCapabilities();

// Sets no_new_privs and keeps those of KeptCapabilities that it has. kPermissionDenied, kInternal: nothing, or not all, was given
// up.
absl::Status DropCapabilities();

// Refuses system calls, with EPERM and in all threads: what executes, traces, loads into the kernel, mounts,
// changes users, clocks or keys, makes namespaces or enters others than those of networks, and sockets other than unix, netlink and
// IP. A list of what is refused and not of what is allowed: SQLite, curl, the C library and its name services decide for themselves
// what they call, and differ from one system to the next. EPERM and no kill: a call that some library tries in vain must not end
// the daemon, and who took it over gets as little either way. (The systemd unit has a list of what is allowed, which grows with
// systemd.)
absl::Status RefuseSystemCalls();

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_CONFINE_H_

// SPDX-License-Identifier: Apache-2.0
// RunDaemon: puts the parts together and runs them until SIGTERM or SIGINT. Enforcement stays when it returns.
//
// Everything that comes from outside is bounded, so that nobody takes the daemon's memory or time:
//
//   an engine       32 MiB an answer, 1 MiB an event, 64 KiB of headers, 64 levels, 2 million values, 20,000 containers, 4,096
//                   networks and images; 10 to 30 s to answer: runtime/docker_session.cc, docker_tracker.cc, docker_report.cc,
//                   unix_http.cc, json_reader.h
//   labels          256 of a workload, 512 bytes a name, 4 KiB a value, names of 253 bytes: identity/service_name.h
//   workload files  8,192 of 256 KiB and 20,000 nodes; 64 ports by name and 1,024 published of each: runtime/static_source.cc
//   policy          10,000 files of 4 MiB and 200,000 nodes, 64 MiB together (daemon/policy_folder.cc, yaml/node.h); what is
//                   compiled has to fit the dataplane's maps, else the generation in force stays
//   the API         64 connections, 16 of a process, 32 of all that may only read; 8 MiB a request, 64 KiB of a reader's, 32 KiB
//                   of headers, 32 levels of JSON, 30 s of silence; 256 KiB of lines wait for their reader; 4 watch `top`, 1
//                   captures: api/server.h, server.cc
//   netlink         8 MiB wait in the kernel, 2,048 notifications at a time; overruns (ENOBUFS) lead to a new list:
//                   dataplane/kernel/netlink.cc
//   inotify         read to its end and forgotten, then the folder is read, at most each 40 ms: daemon/folder_watch.cc
//   packets         events, DNS answers and captures a second (config/config.h); 100,000 events and 8,192 names are held
//   threads         8,192 pieces of work wait for the loop, then whoever brings more does; 20 ms of them a round:
//                   daemon/event_loop.h
//
// Thread safety: called once, by the main thread, before there is any other.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_DAEMON_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_DAEMON_H_

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/config/config.h"
#include "dataplane/ebpf/ebpf_backend.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

// kPermissionDenied, kAlreadyExists, kInvalidArgument, kFailedPrecondition: it cannot start as asked; others: something failed.
struct StartOptions {
  std::string version;  // of the program, for people
  // Reads the configuration anew, for SIGHUP. Empty: it stays.
  std::function<absl::StatusOr<Config>()> read_config;
  bool reset = false;  // as EbpfOptions, like the rest
  uint32_t layout_version = BH_LAYOUT_VERSION;
  std::set<std::string> fresh_maps;
};

EbpfOptions EbpfOptionsOf(const Config& config, const StartOptions& start);

// `writer`: through which everything goes that changes the kernel.
absl::Status RunDaemon(const Config& config, const StartOptions& start, KernelWriter& writer);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_DAEMON_H_

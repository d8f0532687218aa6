// SPDX-License-Identifier: Apache-2.0
// Config: the daemon's own settings, from /etc/bulkhead/bulkhead.yaml. Every default works without the file:
//
//   sources:
//     docker: [/run/docker.sock]          # [] = none; absent = the usual sockets
//     static: /etc/bulkhead/workloads.d   # none = no static source; absent = this folder
//   policy_dir: /etc/bulkhead/policies.d
//   state_dir: /var/lib/bulkhead
//   api_socket: /run/bulkhead/api.sock
//   api_group: bulkhead                   # whose members may use the API, besides root; ignored where there is no such group
//   read_group: bulkhead-read             # whose members may read by it, but change nothing and see no packets; likewise
//   seccomp: true                         # refuse system calls that the daemon never needs; false: for debuggers, odd kernels
//   metrics_address: 127.0.0.1:9477       # Prometheus may read /metrics there, too, without asking who it is; absent = only on the socket
//   pin_root: /sys/fs/bpf/bulkhead
//   attach: clsact                        # or tcx
//   workload_hook: tc                     # or xdp: what workloads send is judged there; from the next start on
//   uplinks: auto                         # or names: [eth0]; where packets come in from outside
//   uplink_hook: xdp                      # native where the driver can, else generic; or generic, none; from the next start on
//   fast_path: auto                       # past the bridge between two workloads, where nothing there would be missed; or off
//   on_unmanaged: drop                    # or pass: what interfaces of container networks send and get that no program holds (yet).
//                                         # Absent: drop as soon as any service enforces, else pass
//   guard:
//     exempt: []                          # interfaces that are never cut off, by name; "vnet*": by the beginning of it
//   default_mode: learn                   # where modes.yaml says nothing
//   new_image: review                     # what no rule permits of an image that is new to an enforcing service, for new_image_grace:
//                                         # review = passes as would-deny, `learn review` lists it; learn = passes and is learned;
//                                         # enforce = dropped. What policy permits or denies by a rule holds in any case
//   new_image_grace: 24h                  # at most 30d; from then on the image is one as every other
//   resolvers: []                         # DNS servers that proposals permit besides those seen; names that they tell are believed
//   default_verdict: allow                # what no policy decides
//   allow_from_host: true
//   proxy_is_world: true
//   trust_image_labels: false
//   flow_table_entries: 65536             # IPv4; IPv6 has room for a quarter. 0 = by memory, half a percent. Taken up by a new table only
//   keep_unconfirmed: 10m                 # what was there before a start stays so long at most while a source does not answer
//   flow_quota: 8                         # the flows of one endpoint may take 1/8 of each flow table
//   events_per_second: 1000               # per CPU
//   midstream_per_second: 4096            # per CPU: TCP of before the daemon's time that is taken for an answer; 0 = none
//   dns_answers_per_second: 250           # per CPU: answers to workloads that names of addresses are learned from; 0 = none
//   timeouts:                             # seconds; 0 = never
//     tcp: {unanswered: 60, established: 28800, closing: 120, closed: 10}
//     udp: {unanswered: 30, established: 180, closing: 30, closed: 10}
//     other: {unanswered: 30, established: 60, closing: 30, closed: 10}
//   node_labels: {rack: a1}               # what policy selects this host by (peer `nodes`), besides kubernetes.io/hostname, os, arch
//   learn:                                # what learning remembers, and when it believes
//     window: 3600                        # seconds: what evidence is counted by; all that says hours below means windows
//     retain_days: 90                     # what was not seen for so long is forgotten
//     max_edges: 200000
//     max_windows: 1000000                # of (edge, window); beyond it the oldest are only counted
//     occurrences: 3                      # of an edge, in different windows or of different workloads, before a rule is made of it
//     new_edges_a_day: 3                  # of a stable service; a day that shows more shows them for review
//     stable_hours: 72                    # without a new edge make a service stable
//     ready_workload_hours: 24            # observed, before a service is ready for a stricter mode
//     ready_quiet_hours: 6                # without a new edge, likewise
//     ready_new_percent: 5                # at most: the chance that the next workload-hour shows a new edge (95% bound)
//   self_check_per_second: 100            # verdicts that are judged a second time; 0 = none
//   log_level: info                            # debug, info, warn, error
//
// SIGHUP: the file is read again. log_level, default_mode, resolvers, node_labels, proxy_is_world, flow_quota, the *_per_second and
// timeouts are taken up at once; `status` names the others that differ until the next start.
//
// Thread safety: values and pure functions. Errors: kInvalidArgument, one line "file:line:column: ..." for each mistake.
#ifndef BULKHEAD_CONTROLPLANE_CONFIG_CONFIG_H_
#define BULKHEAD_CONTROLPLANE_CONFIG_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/model/common.h"
#include "bulkhead/model/ip.h"
#include "controlplane/learn/limits.h"
#include "dataplane/backend.h"
#include "dataplane/uplinks.h"

namespace bulkhead {

inline constexpr char kDefaultConfigFile[] = "/etc/bulkhead/bulkhead.yaml";
inline constexpr char kDefaultWorkloadsDir[] = "/etc/bulkhead/workloads.d";

enum class NewImage : uint8_t { kReview, kLearn, kEnforce };

enum class OnUnmanaged : uint8_t { kByMode, kDrop, kPass };

struct Config {
  std::optional<std::vector<std::string>> docker_sockets;  // nullopt: found by themselves
  std::optional<std::string> workloads_dir;                // nullopt: the default one; "" = none
  std::string policy_dir = "/etc/bulkhead/policies.d";
  std::string state_dir = "/var/lib/bulkhead";
  std::string api_socket = "/run/bulkhead/api.sock";
  std::string api_group = "bulkhead";
  std::string read_group = "bulkhead-read";
  bool seccomp = true;
  std::string metrics_address;  // "ADDRESS:PORT", "[ADDRESS]:PORT"; empty = none
  std::string pin_root = "/sys/fs/bpf/bulkhead";
  std::string attach = "clsact";
  bool workload_xdp = false;
  std::optional<std::vector<std::string>> uplinks;  // nullopt: found by themselves
  UplinkHook uplink_hook = UplinkHook::kXdp;
  bool fast_path = true;
  OnUnmanaged on_unmanaged = OnUnmanaged::kByMode;
  std::vector<std::string> guard_exempt;  // names of interfaces; a trailing '*' stands for anything
  Mode default_mode = Mode::kLearn;
  NewImage new_image = NewImage::kReview;
  uint64_t new_image_grace = 24 * 3600;  // seconds
  std::vector<IpAddress> resolvers;
  bool default_allow = true;
  bool allow_from_host = true;
  bool trust_image_labels = false;
  uint32_t flow_table_entries = 0;
  uint64_t keep_unconfirmed = 600;  // seconds
  DataplaneOptions dataplane;
  LearnLimits learn;
  Labels node_labels;
  uint32_t self_check_per_second = 100;
  std::string log_level = "info";
};

absl::StatusOr<Config> ParseConfig(std::string_view text, const std::string& file);

// `must_exist`: false = an absent file gives the defaults.
absl::StatusOr<Config> LoadConfig(const std::string& path, bool must_exist);

const char* UplinkHookName(UplinkHook hook);
std::optional<UplinkHook> ParseUplinkHook(std::string_view name);
struct SocketAddress {
  IpAddress address;
  uint16_t port = 0;
};
// "127.0.0.1:9477", "[::1]:9477"; port 0 is none.
std::optional<SocketAddress> ParseSocketAddress(std::string_view text);
bool IsAttachName(std::string_view name);
bool IsLogLevel(std::string_view name);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_CONFIG_CONFIG_H_

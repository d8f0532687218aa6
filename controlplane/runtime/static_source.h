// SPDX-License-Identifier: Apache-2.0
// StaticSource: workloads from a watched folder of small YAML files, one workload each; needs no engine. Any network namespace can
// be one:
//
//   name: db-0
//   namespace: shop                 # optional, as the next three
//   labels: {app: db}
//   image: registry/db:1
//   digest: sha256:...
//   netns: /run/netns/db-0
//   ports:                          # optional: what policy may call by name, as well as labels do
//     - {name: sql, port: 5432}     # protocol: TCP (the default), UDP or SCTP
//   published:                      # optional: ports of the host that somebody forwards to it; host_address: one, else all of them
//     - {host_port: 15432, port: 5432, protocol: TCP, host_address: 192.0.2.1}
//   networks:                       # optional: what its interfaces were given, each with bridge, mac and addresses, or some of them
//     - {bridge: br0, mac: "02:42:12:01:00:0a", addresses: [198.18.1.10, "fd00:18:1::a"]}
//
// What networks do not tell is looked up inside, and believed whenever it changes: a workload that may change its own interfaces
// (CAP_NET_ADMIN) can then take another MAC, or another's address.
//
// A file that is broken keeps the workload it had and is reported (kProblem, key = the file). A namespace that does not exist yet
// is the report's problem, and is looked for until it does.
//
// Thread safety: as Source; the work is done in a thread of its own.
#ifndef BULKHEAD_CONTROLPLANE_RUNTIME_STATIC_SOURCE_H_
#define BULKHEAD_CONTROLPLANE_RUNTIME_STATIC_SOURCE_H_

#include <cstdint>
#include <ctime>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/statusor.h"
#include "controlplane/runtime/source.h"

namespace bulkhead {

// The report of one file; `id` is the file's name without its extension. kInvalidArgument: "file:line:column: ..." for each mistake.
absl::StatusOr<WorkloadReport> ParseWorkloadFile(std::string_view text, const std::string& file, const std::string& id);

class StaticSource : public Source {
 public:
  explicit StaticSource(std::string folder);
  ~StaticSource() override;

  std::string Name() const override { return "static"; }
  void Start(SourceSink sink) override;

 private:
  // What tells one version of a file from the next.
  struct Stamp {
    uint64_t inode = 0;
    int64_t size = 0;
    timespec changed{};
    bool operator==(const Stamp& other) const {
      return inode == other.inode && size == other.size && changed.tv_sec == other.changed.tv_sec &&
             changed.tv_nsec == other.changed.tv_nsec;
    }
  };
  struct File {
    Stamp stamp;
    std::optional<WorkloadReport> report;  // the last good one, without what the namespace adds
    std::optional<WorkloadReport> sent;
    uint64_t netns_inode = 0;
    std::string problem;  // as it was reported
  };

  void Run();
  void Watch();
  void Scan();
  void ReadOne(const std::string& name);
  absl::StatusOr<WorkloadReport> Load(const std::string& name) const;
  void CheckNamespace(File* file);
  SourceEvent Event(SourceEvent::Kind kind) const;
  void Problem(const std::string& key, const std::string& text);
  std::map<std::string, Stamp> List();

  const std::string folder_;
  SourceSink sink_;
  std::map<std::string, File> files_;  // by name
  bool folder_problem_ = false;
  int inotify_ = -1;
  int watch_ = -1;
  int stop_ = -1;
  std::thread thread_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_RUNTIME_STATIC_SOURCE_H_

// SPDX-License-Identifier: Apache-2.0
// Source: where workloads come from (an engine, or a folder of files). A source reports whole records, so that an event that is
// repeated, late or out of order does no harm: the newest report of an id is what counts.
#ifndef BULKHEAD_CONTROLPLANE_RUNTIME_SOURCE_H_
#define BULKHEAD_CONTROLPLANE_RUNTIME_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bulkhead/model/workload.h"

namespace bulkhead {

// One network of a workload, as the engine tells it. Addresses and MAC may be missing until the workload runs.
struct NetworkAttachment {
  std::string network;  // name for people
  std::string bridge;   // name of the host's bridge; empty = not known, or not a bridge network
  MacAddress mac;
  std::vector<IpAddress> addresses;
  bool closed = false;  // the engine keeps the network's containers apart

  bool operator==(const NetworkAttachment&) const = default;
};

// How far the workload has come. kConnecting: networks are being set up, the process does not run yet; only in this phase may an
// endpoint be bound provisionally by (bridge, MAC).
enum class WorkloadPhase : uint8_t { kCreated, kConnecting, kRunning, kPaused, kStopped };

inline constexpr size_t kMaxNamedPorts = 64;  // of one workload

struct WorkloadReport {
  std::string id;
  std::string runtime;
  std::string name;
  bool generated_name = false;  // the engine invented it
  std::string ns;               // where the source itself knows the namespace; else it follows from the labels
  Labels labels;                // as the workload has them, the image's own included
  Labels image_labels;          // the image's own
  std::string image;
  std::string image_digest;
  WorkloadPhase phase = WorkloadPhase::kCreated;
  int pid = 0;             // first process; 0 = unknown
  std::string netns_path;  // its network namespace; empty: /proc/<pid>/ns/net
  std::vector<NetworkAttachment> networks;
  std::vector<PublishedPort> published;
  std::vector<NamedPort> named_ports;  // those that the source itself names, sorted; labels may name more
  bool host_network = false;
  bool no_network = false;  // it was started with nothing but a loopback
  std::string shares_with;  // id of the workload whose network namespace it joined
  std::string unprotected;  // why the hooks cannot see it (macvlan, overlay, ...); empty = they can
  std::string problem;      // what is wrong with the record itself (no such namespace, say); shown in status

  bool operator==(const WorkloadReport&) const = default;
};

struct SourceEvent {
  enum class Kind : uint8_t {
    kUpsert,     // report
    kRemove,     // id
    kSyncBegin,  // a complete listing follows ...
    kSyncEnd,    // ... and ended: what it did not name is gone
    kLost,       // the engine cannot be reached: text says why. What is known stays as it is.
    kProblem,    // text: something to show in status, nothing else changes; key names what it is about; empty text clears it
  };
  Kind kind = Kind::kUpsert;
  std::string source;
  WorkloadReport report;
  std::string id;
  std::string key;
  std::string text;
};

// Called from the source's own thread; takes the event and returns at once.
using SourceSink = std::function<void(SourceEvent)>;

class Source {
 public:
  virtual ~Source() = default;  // stops and joins

  virtual std::string Name() const = 0;
  // Starts the source's thread. Never blocks. Called once.
  virtual void Start(SourceSink sink) = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_RUNTIME_SOURCE_H_

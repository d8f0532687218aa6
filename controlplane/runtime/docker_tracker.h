// SPDX-License-Identifier: Apache-2.0
// DockerTracker: from an engine's events and answers to reports of workloads, and to the requests that still have to be made. No
// clock, no socket, no thread: the same input gives the same output, so recorded transcripts can be replayed.
//
// No order of events is relied upon. Every event counts up a clock; a request carries its value at the moment it is sent, and an
// answer is believed about a container only if no event of that container came since. What is not believed is asked again.
// Not thread-safe.
#ifndef BULKHEAD_CONTROLPLANE_RUNTIME_DOCKER_TRACKER_H_
#define BULKHEAD_CONTROLPLANE_RUNTIME_DOCKER_TRACKER_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/runtime/docker_decode.h"
#include "controlplane/runtime/source.h"

namespace bulkhead {

struct DockerRequest {
  enum class Kind : uint8_t { kNetworks, kList, kListOne, kInspect, kNetwork, kImage };
  Kind kind = Kind::kList;
  std::string id;  // of the container, network or image; empty for the lists
  std::chrono::milliseconds delay{0};
  uint64_t sent_at = 0;  // the tracker's clock; set by whoever sends it, at that moment

  // While a container starts, the engine answers an inspection of it only when that is over.
  bool slow() const { return kind == Kind::kInspect; }
  bool operator==(const DockerRequest&) const = default;
};

class DockerTracker {
 public:
  // source and runtime go into what is reported. unprotected: why no hook can see this engine's workloads; empty = they can.
  DockerTracker(std::string source, std::string runtime, std::string unprotected);

  // The events stream is open: asks for everything. new_connection: what was under way will not be answered any more.
  void BeginSync(bool new_connection);
  bool syncing() const { return sync_.has_value(); }
  // Ends a synchronisation that waits for containers the engine does not describe in time: they are reported as far as known.
  void EndSync();

  void OnEvent(const DockerEvent& event);
  // body: NotFound if the engine does not know what was asked for. An error is returned if no list can be had: nothing is known
  // for certain then, and the connection is best begun anew. Other failures are tried again.
  absl::Status OnAnswer(const DockerRequest& request, const absl::StatusOr<std::string>& body);

  uint64_t clock() const { return clock_; }
  std::vector<SourceEvent> TakeEvents() { return std::exchange(events_, {}); }
  std::vector<DockerRequest> TakeRequests() { return std::exchange(requests_, {}); }

  void set_unprotected(std::string why) { unprotected_ = std::move(why); }

 private:
  struct Record {
    DockerContainer known;
    bool described = false;    // `known` has labels and image
    bool inspected = false;    // ... and they are from an inspection
    bool state_known = false;  // phase is from an event or an inspection; a listing may be late
    WorkloadPhase phase = WorkloadPhase::kCreated;
    int pid = 0;
    std::map<std::string, DockerEndpoint> endpoints;  // by network id
    std::set<std::string> connecting;                 // networks that a `connect` named since the last `disconnect` or `die`
    uint64_t last_event = 0;
    uint64_t last_network_event = 0;
    bool asked_inspect = false;  // under way
    bool ask_again = false;      // as soon as the one under way is answered
    int failures = 0;            // of inspections, in a row
    std::optional<WorkloadReport> sent;
  };
  struct Image {
    enum class State : uint8_t { kAsked, kKnown, kFailed, kGone };
    State state = State::kAsked;
    DockerImage known;
    int failures = 0;
  };
  struct Sync {
    bool listed = false;
    std::set<std::string> pending;  // containers of the list that have not been reported
  };
  struct NetworkAsk {
    bool again = false;  // as soon as the one under way is answered
    int failures = 0;
  };

  Record* Ensure(const std::string& id);
  void Forget(const std::string& id);
  void OnContainerEvent(const DockerEvent& event);
  void OnNetworkEvent(const DockerEvent& event);
  void OnStart(const std::string& id, Record* record);
  void OnDie(const std::string& id, Record* record);

  absl::Status OnList(const DockerRequest& request, const absl::StatusOr<std::string>& body);
  absl::Status OnNetworks(const absl::StatusOr<std::string>& body);
  void OnListOne(const DockerRequest& request, const absl::StatusOr<std::string>& body);
  void OnInspect(const DockerRequest& request, const absl::StatusOr<std::string>& body);
  void OnNetwork(const DockerRequest& request, const absl::StatusOr<std::string>& body);
  void OnImage(const DockerRequest& request, const absl::StatusOr<std::string>& body);

  static void Describe(Record* record, const DockerContainer& seen, uint64_t sent_at, bool inspected);
  static void TakeState(Record* record, const DockerContainer& seen, uint64_t sent_at);
  void ApplyEndpoints(const std::string& network, const std::map<std::string, DockerEndpoint>& endpoints, uint64_t sent_at);
  const DockerNetwork* FindNetwork(const DockerEndpoint& endpoint) const;

  void Ask(DockerRequest::Kind kind, const std::string& id, int failures = 0);
  void AskInspect(const std::string& id, Record* record);
  void AskNetwork(const std::string& id);
  const Image& ImageOf(const Record& record);
  void DropUnusedImages();

  // Reports what changed, once the record can be described and its image's labels are known.
  void Report(const std::string& id, Record* record, bool insist = false);
  WorkloadReport MakeReport(const std::string& id, const Record& record, const Image& image) const;
  void AddNetworks(const Record& record, WorkloadReport* report) const;
  std::string OwnerOf(const std::string& name) const;
  void Settle(const std::string& id);
  void Emit(SourceEvent::Kind kind, const std::string& id = "");
  void Problem(const std::string& key, std::string text);

  const std::string source_;
  const std::string runtime_;
  std::string unprotected_;

  uint64_t clock_ = 0;
  std::map<std::string, Record> records_;
  std::map<std::string, DockerNetwork> networks_;   // by id; endpoints are not kept
  std::map<std::string, NetworkAsk> network_asks_;  // under way
  std::map<std::string, Image> images_;
  std::map<std::string, uint64_t> forgotten_;  // ids that went during a synchronisation, and when: a list may still name them
  std::set<std::string> problems_;
  std::optional<Sync> sync_;
  std::vector<SourceEvent> events_;
  std::vector<DockerRequest> requests_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_RUNTIME_DOCKER_TRACKER_H_

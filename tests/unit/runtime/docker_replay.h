// SPDX-License-Identifier: Apache-2.0
// Replays a transcript (tests/data/docker/*.ndjson, made by tests/lab/record-docker) into a DockerTracker, and keeps what a reader
// of its reports would know.
#ifndef BULKHEAD_TESTS_UNIT_RUNTIME_DOCKER_REPLAY_H_
#define BULKHEAD_TESTS_UNIT_RUNTIME_DOCKER_REPLAY_H_

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "controlplane/runtime/docker_tracker.h"
#include "nlohmann/json.hpp"

namespace bulkhead {

struct TranscriptAnswer {
  std::string path;
  int asked = 0;  // how many events there had been
  int status = 0;
  std::string body;
};

// One event, and the answers that were received after it and before the next.
struct TranscriptStep {
  std::string event;  // empty in the first step
  std::vector<TranscriptAnswer> answers;
};

struct Transcript {
  nlohmann::json about;
  std::vector<TranscriptStep> steps;
};

Transcript LoadTranscript(const std::string& name);

// The engine's side. A request gets the first recorded answer to one that was made no earlier than it; an inspection that took the
// real engine long takes this one as many events.
class RecordedEngine {
 public:
  explicit RecordedEngine(const Transcript& transcript);

  void Happen() { ++events_; }              // the next event has come
  void Answered() { answered_ = events_; }  // and so have the answers that followed it
  int events() const { return events_; }

  struct Answer {
    int order = 0;  // as they were received
    absl::StatusOr<std::string> body;
  };
  // nullopt: not yet.
  std::optional<Answer> Ask(const DockerRequest& request, int sent) const;
  // What a perfect reader would report of every container, as far as the engine's final word says it: phase, pid, addresses.
  std::map<std::string, std::string> Truth() const;

 private:
  struct Recorded {
    TranscriptAnswer answer;
    int step = 0;
    int order = 0;
  };
  const std::string& Last(const std::string& path) const;

  std::map<std::string, std::vector<Recorded>> by_path_;
  int events_ = 0;
  int answered_ = 0;
};

// The reports' side: what the newest report of each id says, and what was ever said.
struct ReportReader {
  std::map<std::string, WorkloadReport> workloads;
  std::vector<SourceEvent> history;
  std::map<std::string, std::string> problems;
  std::set<std::string> named;  // since SyncBegin
  bool syncing = false;
  int syncs = 0;

  void Take(std::vector<SourceEvent> events);
  std::map<std::string, std::string> Summary() const;
  const WorkloadReport* ByName(const std::string& name) const;
};

std::string Summarise(WorkloadPhase phase, int pid, const std::vector<NetworkAttachment>& networks);

// delay: answers come after up to so many further events, in any order. 0: as the real engine's did.
class Replay {
 public:
  explicit Replay(const Transcript& transcript, int delay = 0, unsigned seed = 0)
      : transcript(transcript), engine(transcript), delay_(delay), random_(seed) {}

  void Connect();  // a new connection
  void Resync();
  void Step(const std::string& event);  // the engine's next step, with this event (empty: it gets lost)
  void Step() { Step(transcript.steps[static_cast<size_t>(engine.events()) + 1].event); }
  void Run();
  void RunToEnd();  // from here
  void Settle();    // every answer arrives
  bool AtEnd() const { return static_cast<size_t>(engine.events()) + 1 == transcript.steps.size(); }

  const Transcript& transcript;
  DockerTracker tracker{"docker", "docker", ""};
  RecordedEngine engine;
  ReportReader reader;
  absl::Status failure;

 private:
  struct Pending {
    DockerRequest request;
    int sent = 0;
    int left = 0;  // events to come before its answer
  };
  void Send();
  void Deliver();

  int delay_;
  std::mt19937 random_;
  std::deque<Pending> pending_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_UNIT_RUNTIME_DOCKER_REPLAY_H_

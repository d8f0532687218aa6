// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/service.h"

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

// Where a caller waits. Also told when the work is thrown away undone, by Ticket's end.
struct Waiting {
  std::mutex mutex;
  std::condition_variable ready;
  bool over = false;
  std::optional<absl::StatusOr<ChangeResult>> result;
};

class Ticket {
 public:
  explicit Ticket(std::shared_ptr<Waiting> waiting) : waiting_(std::move(waiting)) {}
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  ~Ticket() {
    const std::lock_guard lock(waiting_->mutex);
    waiting_->over = true;
    waiting_->ready.notify_all();
  }
  void Set(absl::StatusOr<ChangeResult> result) {
    const std::lock_guard lock(waiting_->mutex);
    waiting_->result = std::move(result);
  }

 private:
  std::shared_ptr<Waiting> waiting_;
};

}  // namespace

absl::StatusOr<ChangeResult> Service::OnControl(const std::function<absl::StatusOr<ChangeResult>(Control&)>& work) {
  auto waiting = std::make_shared<Waiting>();
  {
    auto ticket = std::make_shared<Ticket>(waiting);
    loop_->Post([this, ticket, work] {
      absl::StatusOr<ChangeResult> result = work(*control_);
      // Whoever asks next sees what was changed.
      control_->ShowNow();
      ticket->Set(std::move(result));
    }, "API change");
  }
  std::unique_lock lock(waiting->mutex);
  waiting->ready.wait(lock, [&] { return waiting->over; });
  if (!waiting->result) return absl::UnavailableError("the daemon is ending");
  return *std::move(waiting->result);
}

absl::StatusOr<std::vector<GivenPolicy>> Service::Parse(const std::vector<PolicyText>& files) const {
  absl::StatusOr<std::vector<GivenPolicy>> given = ParseGiven(files);
  if (given.ok()) return given;
  const std::string stays = absl::StrCat("; nothing changed, generation ", GetView()->generation, " stays");
  return absl::Status(given.status().code(), absl::StrCat(std::string(given.status().message()), stays));
}

absl::StatusOr<ChangeResult> Service::ApplyPolicy(const std::vector<PolicyText>& files, const ApplyOptions& options) {
  const absl::StatusOr<std::vector<GivenPolicy>> given = Parse(files);
  if (!given.ok()) return given.status();
  return OnControl([&](Control& control) { return control.changer().ApplyPolicy(*given, options, UnixNow()); });
}

absl::StatusOr<ChangeResult> Service::DeletePolicy(const std::string& ref) {
  return OnControl([&](Control& control) { return control.changer().DeletePolicy(ref); });
}

absl::StatusOr<ChangeResult> Service::SetMode(const std::string& ns, const std::string& service, std::optional<Mode> mode,
                                              uint32_t confirm_seconds) {
  return OnControl([&](Control& control) { return control.changer().SetMode(ns, service, mode, confirm_seconds, UnixNow()); });
}

absl::StatusOr<ChangeResult> Service::Confirm() {
  return OnControl([](Control& control) { return control.changer().Confirm(); });
}

absl::StatusOr<ChangeResult> Service::AddBlock(const Prefix& prefix, uint64_t seconds) {
  return OnControl([&](Control& control) {
    absl::StatusOr<ChangeResult> result = control.blocks().Add(prefix, seconds, UnixNow());
    if (result.ok()) result->generation = control.generation();
    return result;
  });
}

absl::StatusOr<ChangeResult> Service::RemoveBlock(const Prefix& prefix) {
  return OnControl([&](Control& control) {
    absl::StatusOr<ChangeResult> result = control.blocks().Remove(prefix);
    if (result.ok()) result->generation = control.generation();
    return result;
  });
}

absl::StatusOr<ChangeResult> Service::StagePolicy(const std::vector<PolicyText>& files) {
  return OnControl([&](Control& control) { return control.stager().Stage(files, UnixNow()); });
}

absl::StatusOr<ChangeResult> Service::PromoteStaged() {
  return OnControl([&](Control& control) { return control.stager().Promote(UnixNow()); });
}

absl::StatusOr<ChangeResult> Service::DiscardStaged() {
  return OnControl([](Control& control) { return control.stager().Discard(); });
}

absl::StatusOr<Learner*> Service::FreshLearner(const View& view) {
  if (learner_ == nullptr) return absl::UnavailableError("nothing is recorded: see the problems in `bulkhead status`");
  if (absl::Status status = edges_->Drain(view); !status.ok()) return status;
  return learner_;
}

absl::StatusOr<std::vector<LearnedEdge>> Service::ReadEdges() {
  absl::StatusOr<Learner*> learner = FreshLearner(*GetView());
  if (!learner.ok()) return learner.status();
  return (*learner)->Edges();
}

absl::StatusOr<std::vector<Proposal>> Service::Propose(const std::string& scope) {
  const std::shared_ptr<const View> view = GetView();
  absl::StatusOr<Learner*> learner = FreshLearner(*view);
  if (!learner.ok()) return learner.status();
  return (*learner)->Propose(scope, *view);
}

absl::StatusOr<api::Replay> Service::ReplayPolicy(const std::vector<Policy>& draft, uint64_t since) {
  const std::shared_ptr<const View> view = GetView();
  absl::StatusOr<Learner*> learner = FreshLearner(*view);
  if (!learner.ok()) return learner.status();
  const uint64_t now = UnixNow();
  return (*learner)->Replay(draft, *view, since == 0 || since > now ? 0 : now - since);
}

absl::StatusOr<LearnProgress> Service::ReadLearnProgress() {
  constexpr uint64_t kOldEnough = 60'000'000'000;
  if (learner_ == nullptr) return absl::UnavailableError("nothing is recorded");
  const std::lock_guard lock(progress_mutex_);
  const uint64_t now = clock_->MonotonicNs();
  if (progress_at_ != 0 && now - progress_at_ < kOldEnough) return progress_;
  const absl::StatusOr<std::vector<Readiness>> versions = learner_->Ready("");
  if (!versions.ok() && !absl::IsNotFound(versions.status())) return versions.status();
  const absl::StatusOr<Review> review = learner_->ReadReview("");
  if (!review.ok() && !absl::IsNotFound(review.status())) return review.status();
  progress_ = {};
  if (versions.ok()) {
    for (const Readiness& version : *versions) {
      ++progress_.versions;
      progress_.ready += version.missing.empty() ? 1 : 0;
      progress_.edges += version.edges;
    }
  }
  if (review.ok()) {
    progress_.waiting = review->edges.size();
    progress_.quarantined = review->scans.size();
  }
  progress_at_ = now;
  return progress_;
}

uint64_t Service::StateBytes() const {
  uint64_t bytes = 0;
  for (const char* file : {"/bulkhead.db", "/bulkhead.db-wal", "/learn.db", "/learn.db-wal"}) {
    std::error_code error;
    const uintmax_t size = std::filesystem::file_size(control_->config().state_dir + file, error);
    if (!error) bytes += size;
  }
  return bytes;
}

absl::StatusOr<std::vector<Readiness>> Service::ReadReadiness(const std::string& scope) {
  absl::StatusOr<Learner*> learner = FreshLearner(*GetView());
  if (!learner.ok()) return learner.status();
  return (*learner)->Ready(scope);
}

absl::StatusOr<Review> Service::ReadReview(const std::string& scope) {
  absl::StatusOr<Learner*> learner = FreshLearner(*GetView());
  if (!learner.ok()) return learner.status();
  return (*learner)->ReadReview(scope);
}

absl::Status Service::DecideEdge(const std::string& edge, bool accepted, const std::string& who) {
  absl::StatusOr<Learner*> learner = FreshLearner(*GetView());
  if (!learner.ok()) return learner.status();
  return (*learner)->Decide(edge, accepted, who, {UnixNow(), clock_->BoottimeNs()});
}

absl::StatusOr<VersionDiff> Service::DiffVersions(const ServiceName& service, const std::string& old_digest,
                                                  const std::string& new_digest) {
  absl::StatusOr<Learner*> learner = FreshLearner(*GetView());
  if (!learner.ok()) return learner.status();
  return (*learner)->Diff(service, old_digest, new_digest);
}

}  // namespace bulkhead

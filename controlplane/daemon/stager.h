// SPDX-License-Identifier: Apache-2.0
// Stager: keeps the candidate policy that is judged beside the one in force: what is in force, with staged objects in place of those
// of the same kind and name. It is remembered, so that a restart stages it again.
//
// Thread safety: one thread (the control thread). Errors as in controlplane/api/service.h.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_STAGER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_STAGER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/api/service.h"
#include "controlplane/daemon/changer.h"
#include "controlplane/store/store.h"

namespace bulkhead {

class Stager {
 public:
  // All must outlive it. `publish` brings the dataplane to candidate() and tells how that went. Takes up what was staged when the
  // daemon ended.
  Stager(const PolicyHost* host, Changer* changer, Store* store, std::function<absl::Status()> publish);

  // In place of what was staged before. An error leaves that as it was.
  absl::StatusOr<ChangeResult> Stage(const std::vector<PolicyText>& files, uint64_t unix_now);
  // Applies what is staged, as ApplyPolicy would; then nothing is staged.
  absl::StatusOr<ChangeResult> Promote(uint64_t unix_now);
  absl::StatusOr<ChangeResult> Discard();

  // What is judged beside `active`; null: nothing is staged. The same object as long as neither changes.
  std::shared_ptr<const PolicyDocuments> Candidate(const std::shared_ptr<const PolicyDocuments>& active);

  uint64_t since() const { return staged_ ? staged_->since : 0; }  // Unix seconds; 0: nothing is staged
  std::vector<std::string> policies() const;                       // PolicyRef of those that are staged
  const std::string& problem() const { return problem_; }

 private:
  struct Staged {
    uint64_t since = 0;
    std::vector<PolicyText> files;
    std::vector<Policy> policies;
  };

  static absl::StatusOr<std::vector<Policy>> Parse(const std::vector<PolicyText>& files);
  absl::Status Save(const std::optional<Staged>& staged);
  void Load();
  void Take(std::optional<Staged> staged);

  const PolicyHost* const host_;
  Changer* const changer_;
  Store* const store_;
  const std::function<absl::Status()> publish_;
  std::optional<Staged> staged_;
  std::shared_ptr<const PolicyDocuments> active_, candidate_;  // candidate_ was made of active_ and staged_
  std::string problem_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_STAGER_H_

// SPDX-License-Identifier: Apache-2.0
// Changer: carries out what people ask to change: policies and modes. Every change is a change of files in the policy folder, checked
// as a whole before any is written, and taken back when the dataplane refuses it or nobody confirms it.
//
// Thread safety: one thread (the control thread). Errors as in controlplane/api/service.h.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_CHANGER_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_CHANGER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/api/service.h"
#include "controlplane/daemon/given_policies.h"
#include "controlplane/daemon/policy_folder.h"
#include "controlplane/store/store.h"

namespace bulkhead {

// What a change needs of the daemon around it.
class PolicyHost {
 public:
  virtual ~PolicyHost() = default;

  virtual const LoadedPolicies& policies() const = 0;
  virtual const std::map<std::string, Workload>& workloads() const = 0;
  virtual uint64_t generation() const = 0;
  // Would these compile?
  virtual absl::Status Check(const LoadedPolicies& policies) const = 0;
  // Reads the folder again and publishes what it says. Not ok: the old policy is still enforced.
  virtual absl::Status Reload() = 0;
};

struct ChangerOptions {
  std::string folder;
  Mode default_mode = Mode::kLearn;
};

class Changer {
 public:
  // Both must outlive it. Takes up a change that was waiting for its confirmation when the daemon ended.
  Changer(ChangerOptions options, PolicyHost* host, Store* store);

  // What modes.yaml leaves open.
  void set_default_mode(Mode mode) { options_.default_mode = mode; }

  // All of them or none. A dry run gives what would be in force.
  absl::StatusOr<ChangeResult> ApplyPolicy(const std::vector<GivenPolicy>& policies, const ApplyOptions& options, uint64_t unix_now);
  // ref: as PolicyRef.
  absl::StatusOr<ChangeResult> DeletePolicy(const std::string& ref);
  absl::StatusOr<ChangeResult> SetMode(const std::string& ns, const std::string& service, std::optional<Mode> mode,
                                       uint32_t confirm_seconds, uint64_t unix_now);
  absl::StatusOr<ChangeResult> Confirm();

  // Takes back what was not confirmed in time. Call about once a second.
  void Tick(uint64_t unix_now);

  // What is taken back unless confirmed, and when; empty = nothing.
  std::string pending() const;
  const std::string& problem() const { return problem_; }

 private:
  struct Pending {
    uint64_t deadline = 0;  // Unix seconds
    std::string what;
    std::vector<FileChange> undo;
  };
  // A change on its way: what to write, and what to say.
  struct Plan {
    std::vector<FileChange> files;
    ChangeResult result;
  };

  absl::Status PlanPolicy(const GivenPolicy& given, const FolderText& folder, Plan* plan) const;
  std::string OtherObjectIn(const std::string& file, const std::string& ref) const;
  void PlanModes(const ModesFile& modes, Plan* plan) const;
  // Loads the folder as it would be.
  absl::StatusOr<LoadedPolicies> Preview(const FolderText& folder, const Plan& plan) const;
  absl::StatusOr<ChangeResult> Commit(Plan plan, const FolderText& folder, uint32_t confirm_seconds, uint64_t unix_now);
  absl::Status RefuseWhilePending() const;
  absl::Status SavePending(const Pending& pending);
  void LoadPending();
  void ClearPending();
  std::string Unchanged() const;

  ChangerOptions options_;
  PolicyHost* const host_;
  Store* const store_;
  std::optional<Pending> pending_;
  std::string problem_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_CHANGER_H_

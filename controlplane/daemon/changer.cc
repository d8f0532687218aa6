// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/changer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/daemon/effects.h"

namespace bulkhead {
namespace {

bool IsFileNamePart(const std::string& name) {
  return !name.empty() && name.front() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

const Policy* FindPolicy(const PolicyDocuments& documents, const std::string& ref) {
  for (const Policy& policy : documents.policies) {
    if (PolicyRef(policy) == ref) return &policy;
  }
  return nullptr;
}

}  // namespace

std::string Changer::Unchanged() const { return absl::StrCat("; nothing changed, generation ", host_->generation(), " stays"); }

absl::Status Changer::PlanPolicy(const GivenPolicy& given, const FolderText& folder, Plan* plan) const {
  const Policy& policy = given.policy;
  const std::string ref = PolicyRef(policy);
  const bool named = policy.kind != PolicyKind::kNetworkPolicy || IsFileNamePart(policy.ns);
  if (!named || !IsFileNamePart(policy.name)) {
    return absl::InvalidArgumentError(absl::StrCat(policy.pos.ToString(), ": the name cannot be part of a file's name", Unchanged()));
  }
  const std::string file = ManagedFileName(policy);
  const Policy* old = FindPolicy(*host_->policies().documents, ref);
  const std::string place = old == nullptr ? file : BaseName(old->pos.file);
  const auto present = folder.find(file);
  const bool by_hand = present != folder.end() && !(present->second.ok() && IsManagedText(*present->second));
  if (place != file || by_hand) {
    return absl::FailedPreconditionError(absl::StrCat("policy ", ref, " stands in ", place,
                                                      ", which `policy apply` did not write: change it there", Unchanged()));
  }
  if (old == nullptr && present != folder.end()) {
    if (const std::string other = OtherObjectIn(file, ref); !other.empty()) {
      return absl::FailedPreconditionError(absl::StrCat("policy ", ref, " would stand in ", file, ", which holds ", other, Unchanged()));
    }
  }
  const std::string content = absl::StrCat(kManagedLine, "\n", given.text);
  if (present != folder.end() && *present->second == content) {
    plan->result.changes.push_back(absl::StrCat("policy ", ref, " unchanged"));
    return absl::OkStatus();
  }
  plan->files.push_back({file, content});
  plan->result.changes.push_back(absl::StrCat("policy ", ref, old == nullptr ? " created" : " changed"));
  return absl::OkStatus();
}

// Two objects may come by one file name: NetworkPolicy a of namespace cnp, and ClusterNetworkPolicy networkpolicy.a.
std::string Changer::OtherObjectIn(const std::string& file, const std::string& ref) const {
  for (const PolicyFileStatus& status : host_->policies().files) {
    if (BaseName(status.file) != file) continue;
    for (const std::string& object : status.objects) {
      if (object != ref) return object;
    }
  }
  return "";
}

void Changer::PlanModes(const ModesFile& modes, Plan* plan) const {
  const ModesFile& before = host_->policies().modes;
  if (modes == before) return;
  for (std::string& change : ModeChanges(before, modes, options_.default_mode)) plan->result.changes.push_back(std::move(change));
  plan->files.push_back({kModesFileName, FormatModesFile(modes)});
}

absl::StatusOr<LoadedPolicies> Changer::Preview(const FolderText& folder, const Plan& plan) const {
  FolderText text = folder;
  for (const FileChange& change : plan.files) {
    text.erase(change.name);
    if (change.text) text.emplace(change.name, *change.text);
  }
  LoadedPolicies loaded = LoadPolicyFolder(text, options_.folder, host_->policies(), host_->generation());
  std::vector<std::string> errors;
  for (const PolicyFileStatus& file : loaded.files) {
    const bool ours = std::any_of(plan.files.begin(), plan.files.end(),
                                  [&](const FileChange& change) { return change.text && change.name == BaseName(file.file); });
    if (ours) errors.insert(errors.end(), file.errors.begin(), file.errors.end());
  }
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
  if (absl::Status status = host_->Check(loaded); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat(std::string(status.message()), Unchanged()));
  }
  return loaded;
}

absl::StatusOr<ChangeResult> Changer::ApplyPolicy(const std::vector<GivenPolicy>& policies, const ApplyOptions& options,
                                                  uint64_t unix_now) {
  if (absl::Status status = RefuseWhilePending(); !status.ok()) return status;
  absl::StatusOr<FolderText> folder = ReadPolicyFolder(options_.folder);
  if (!folder.ok()) return folder.status();
  Plan plan;
  std::vector<std::string> asked;
  for (const GivenPolicy& given : policies) {
    asked.push_back(PolicyRef(given.policy));
    if (const absl::Status status = PlanPolicy(given, *folder, &plan); !status.ok()) return status;
  }
  absl::StatusOr<LoadedPolicies> after = Preview(*folder, plan);
  if (!after.ok()) return after.status();
  const std::map<ServiceName, ServiceState> services = ServiceStates(host_->workloads(), *after->documents, asked);
  ModesFile modes = host_->policies().modes;
  bool any = false;
  for (const auto& [name, service] : services) {
    any |= service.selected;
    if (options.mode && service.selected) modes.services[name] = *options.mode;
  }
  if (options.mode && !host_->policies().modes_error.empty()) return absl::FailedPreconditionError(host_->policies().modes_error);
  PlanModes(modes, &plan);
  plan.result.notes = NotEnforcedNotes(services, modes.Over(options_.default_mode));
  for (std::string& note : AuditNotes(*after->documents, asked)) plan.result.notes.push_back(std::move(note));
  if (!any) plan.result.notes.push_back("no workload is selected by these policies now");
  if (options.dry_run) {
    plan.result.generation = host_->generation();
    return plan.result;
  }
  return Commit(std::move(plan), *folder, options.confirm_seconds, unix_now);
}

absl::StatusOr<ChangeResult> Changer::DeletePolicy(const std::string& ref) {
  if (absl::Status status = RefuseWhilePending(); !status.ok()) return status;
  const Policy* policy = FindPolicy(*host_->policies().documents, ref);
  if (policy == nullptr) return absl::NotFoundError(absl::StrCat("there is no policy ", ref));
  absl::StatusOr<FolderText> folder = ReadPolicyFolder(options_.folder);
  if (!folder.ok()) return folder.status();
  const std::string file = BaseName(policy->pos.file);
  const auto text = folder->find(file);
  if (file != ManagedFileName(*policy) || text == folder->end() || !text->second.ok() || !IsManagedText(*text->second)) {
    return absl::FailedPreconditionError(absl::StrCat("policy ", ref, " stands in ", file,
                                                      ", which `policy apply` did not write: remove it there", Unchanged()));
  }
  Plan plan;
  plan.files.push_back({file, std::nullopt});
  plan.result.changes.push_back(absl::StrCat("policy ", ref, " deleted"));
  absl::StatusOr<LoadedPolicies> after = Preview(*folder, plan);
  if (!after.ok()) return after.status();
  const Modes modes = host_->policies().modes.Over(options_.default_mode);
  const auto now = ServiceStates(host_->workloads(), *after->documents, {});
  for (const auto& [service, state] : ServiceStates(host_->workloads(), *host_->policies().documents, {ref})) {
    if (!state.selected) continue;
    for (std::string& note : OpenNotes({{service, now.at(service)}}, modes, service.first, service.second)) {
      plan.result.notes.push_back(std::move(note));
    }
  }
  return Commit(std::move(plan), *folder, 0, 0);
}

absl::StatusOr<ChangeResult> Changer::SetMode(const std::string& ns, const std::string& service, std::optional<Mode> mode,
                                              uint32_t confirm_seconds, uint64_t unix_now) {
  if (absl::Status status = RefuseWhilePending(); !status.ok()) return status;
  if (ns.empty() && !service.empty()) return absl::InvalidArgumentError("a service needs its namespace");
  if (ns.find('/') != std::string::npos || service.find('/') != std::string::npos) {
    return absl::InvalidArgumentError("a name cannot hold a slash");
  }
  if (!host_->policies().modes_error.empty()) return absl::FailedPreconditionError(host_->policies().modes_error);
  absl::StatusOr<FolderText> folder = ReadPolicyFolder(options_.folder);
  if (!folder.ok()) return folder.status();
  ModesFile modes = host_->policies().modes;
  if (ns.empty()) {
    modes.global = mode;
  } else if (service.empty()) {
    modes.namespaces.erase(ns);
    if (mode) {
      modes.namespaces[ns] = *mode;
      // Else `policy apply --mode audit` and then `mode set NAMESPACE enforce` would leave everything in audit.
      std::erase_if(modes.services, [&ns](const auto& set) { return set.first.first == ns; });
    }
  } else {
    modes.services.erase({ns, service});
    if (mode) modes.services[{ns, service}] = *mode;
  }
  Plan plan;
  PlanModes(modes, &plan);
  if (absl::StatusOr<LoadedPolicies> after = Preview(*folder, plan); !after.ok()) return after.status();
  if (mode == Mode::kEnforce) {
    plan.result.notes = OpenNotes(ServiceStates(host_->workloads(), *host_->policies().documents, {}), modes.Over(options_.default_mode),
                                  ns, service);
  }
  return Commit(std::move(plan), *folder, confirm_seconds, unix_now);
}

absl::StatusOr<ChangeResult> Changer::Commit(Plan plan, const FolderText& folder, uint32_t confirm_seconds, uint64_t unix_now) {
  plan.result.generation = host_->generation();
  if (plan.files.empty()) return plan.result;
  if (confirm_seconds > 0) {
    Pending pending{unix_now + confirm_seconds, absl::StrJoin(plan.result.changes, "; "), {}};
    for (const FileChange& change : plan.files) {
      const auto old = folder.find(change.name);
      const bool there = old != folder.end() && old->second.ok();
      pending.undo.push_back({change.name, there ? std::optional<std::string>(*old->second) : std::nullopt});
    }
    // Remembered before the first file changes: a daemon that ends in between takes it back as well.
    if (absl::Status status = SavePending(pending); !status.ok()) return status;
  }
  absl::StatusOr<std::vector<FileChange>> undo = CommitFiles(options_.folder, plan.files);
  absl::Status status = undo.ok() ? host_->Reload() : undo.status();
  if (!status.ok()) {
    if (undo.ok() && CommitFiles(options_.folder, *undo).ok()) (void)host_->Reload();
    if (confirm_seconds > 0) ClearPending();
    return absl::Status(status.code(), absl::StrCat(std::string(status.message()), Unchanged()));
  }
  plan.result.generation = host_->generation();
  return plan.result;
}

}  // namespace bulkhead

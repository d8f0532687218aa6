// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/changer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/daemon/effects.h"
#include "controlplane/policy/parse.h"
#include "controlplane/policy/print.h"
#include "controlplane/yaml/node.h"

namespace bulkhead {
namespace {

std::string NameOf(const Policy& policy) { return absl::StrCat(policy.ns, "/", policy.name); }

// Documents of a YAML stream as they stand there, comments included; a separator within a block of text makes pieces that do not
// parse, and then the policy is printed anew.
std::vector<std::string> SplitDocuments(const std::string& text) {
  std::vector<std::string> out(1);
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find('\n', at), text.size() - 1);
    const std::string line = text.substr(at, end + 1 - at);
    if (line.starts_with("---") && (line.size() == 3 || line[3] == '\n' || line[3] == '\r' || line[3] == ' ')) {
      out.emplace_back();
    } else {
      out.back() += line;
    }
    at = end + 1;
  }
  return out;
}

bool IsFileNamePart(const std::string& name) {
  return !name.empty() && name.front() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

const Policy* FindPolicy(const PolicyDocuments& documents, const std::string& ns, const std::string& name) {
  for (const Policy& policy : documents.policies) {
    if (policy.ns == ns && policy.name == name) return &policy;
  }
  return nullptr;
}

}  // namespace

std::string Changer::Unchanged() const { return absl::StrCat("; nothing changed, generation ", host_->generation(), " stays"); }

absl::StatusOr<std::vector<Policy>> Changer::ParseAll(const std::vector<PolicyText>& files,
                                                             std::map<ServiceName, std::string>* texts) const {
  std::vector<PolicyFile> parsed;
  for (const PolicyText& file : files) parsed.push_back(ParsePolicies(file.text, file.name));
  RefuseDuplicates(&parsed);
  std::vector<std::string> errors;
  for (const PolicyFile& file : parsed) errors.insert(errors.end(), file.errors.begin(), file.errors.end());
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrCat(absl::StrJoin(errors, "\n"), Unchanged()));
  std::vector<Policy> policies = JoinPolicies(parsed).policies;
  if (policies.empty()) return absl::InvalidArgumentError(absl::StrCat("found no policy", Unchanged()));
  std::map<ServiceName, std::string> pieces;
  for (const PolicyText& file : files) {
    for (const std::string& piece : SplitDocuments(file.text)) {
      const PolicyFile one = ParsePolicies(piece, file.name);
      if (!one.errors.empty() || one.documents.policies.size() != 1) continue;
      const Policy& policy = one.documents.policies.front();
      pieces[{policy.ns, policy.name}] = piece.ends_with('\n') ? piece : piece + "\n";
    }
  }
  for (const Policy& policy : policies) {
    const auto piece = pieces.find({policy.ns, policy.name});
    std::string& text = (*texts)[{policy.ns, policy.name}];
    text = PrintPolicy(policy);
    if (piece == pieces.end()) continue;
    // Taken as it stands only if it says the same by itself.
    const PolicyFile alone = ParsePolicies(piece->second, "");
    if (PrintPolicy(alone.documents.policies.front()) == text) text = piece->second;
  }
  return policies;
}

absl::Status Changer::PlanPolicy(const Policy& policy, const std::string& text, const FolderText& folder, Plan* plan) const {
  if (!IsFileNamePart(policy.ns) || !IsFileNamePart(policy.name)) {
    return absl::InvalidArgumentError(absl::StrCat(policy.pos.ToString(), ": the name cannot be part of a file's name", Unchanged()));
  }
  const std::string file = ManagedFileName(policy.ns, policy.name);
  const Policy* old = FindPolicy(*host_->policies().documents, policy.ns, policy.name);
  const std::string place = old == nullptr ? file : BaseName(old->pos.file);
  const auto present = folder.find(file);
  const bool by_hand = present != folder.end() && !(present->second.ok() && IsManagedText(*present->second));
  if (place != file || by_hand) {
    return absl::FailedPreconditionError(absl::StrCat("policy ", NameOf(policy), " stands in ", place,
                                                      ", which `policy apply` did not write: change it there", Unchanged()));
  }
  const std::string content = absl::StrCat(kManagedLine, "\n", text);
  if (present != folder.end() && *present->second == content) {
    plan->result.changes.push_back(absl::StrCat("policy ", NameOf(policy), " unchanged"));
    return absl::OkStatus();
  }
  plan->files.push_back({file, content});
  plan->result.changes.push_back(absl::StrCat("policy ", NameOf(policy), old == nullptr ? " created" : " changed"));
  return absl::OkStatus();
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

absl::StatusOr<ChangeResult> Changer::ApplyPolicy(const std::vector<PolicyText>& files, const ApplyOptions& options,
                                                  uint64_t unix_now) {
  if (absl::Status status = RefuseWhilePending(); !status.ok()) return status;
  std::map<ServiceName, std::string> texts;
  absl::StatusOr<std::vector<Policy>> policies = ParseAll(files, &texts);
  if (!policies.ok()) return policies.status();
  absl::StatusOr<FolderText> folder = ReadPolicyFolder(options_.folder);
  if (!folder.ok()) return folder.status();
  Plan plan;
  std::vector<ServiceName> asked;
  for (const Policy& policy : *policies) {
    asked.emplace_back(policy.ns, policy.name);
    const absl::Status status = PlanPolicy(policy, texts.at(asked.back()), *folder, &plan);
    if (!status.ok()) return status;
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
  if (!any) plan.result.notes.push_back("no workload is selected by these policies now");
  if (options.dry_run) {
    plan.result.generation = host_->generation();
    return plan.result;
  }
  return Commit(std::move(plan), *folder, options.confirm_seconds, unix_now);
}

absl::StatusOr<ChangeResult> Changer::DeletePolicy(const std::string& ns, const std::string& name) {
  if (absl::Status status = RefuseWhilePending(); !status.ok()) return status;
  const Policy* policy = FindPolicy(*host_->policies().documents, ns, name);
  if (policy == nullptr) return absl::NotFoundError(absl::StrCat("there is no policy ", ns, "/", name));
  absl::StatusOr<FolderText> folder = ReadPolicyFolder(options_.folder);
  if (!folder.ok()) return folder.status();
  const std::string file = BaseName(policy->pos.file);
  const auto text = folder->find(file);
  if (file != ManagedFileName(ns, name) || text == folder->end() || !text->second.ok() || !IsManagedText(*text->second)) {
    return absl::FailedPreconditionError(absl::StrCat("policy ", ns, "/", name, " stands in ", file,
                                                      ", which `policy apply` did not write: remove it there", Unchanged()));
  }
  Plan plan;
  plan.files.push_back({file, std::nullopt});
  plan.result.changes.push_back(absl::StrCat("policy ", ns, "/", name, " deleted"));
  absl::StatusOr<LoadedPolicies> after = Preview(*folder, plan);
  if (!after.ok()) return after.status();
  const ServiceName deleted(ns, name);
  const Modes modes = host_->policies().modes.Over(options_.default_mode);
  const auto now = ServiceStates(host_->workloads(), *after->documents, {});
  for (const auto& [service, state] : ServiceStates(host_->workloads(), *host_->policies().documents, {deleted})) {
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
    if (mode) modes.namespaces[ns] = *mode;
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

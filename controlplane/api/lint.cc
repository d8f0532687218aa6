// SPDX-License-Identifier: Apache-2.0
// Lint: the policies in force, or what they would be with some files, with those who live here.
#include <algorithm>
#include <set>

#include "absl/strings/str_join.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/lint_answer.h"
#include "controlplane/api/names.h"
#include "controlplane/api/resources.h"
#include "controlplane/policy/parse.h"

namespace bulkhead::api {
namespace {

lint::LintWorkload WorkloadOf(const View& view, const Workload& workload) {
  lint::LintWorkload out;
  out.name = WorkloadNameOf(workload);
  out.ns = workload.ns;
  out.labels = workload.labels;
  out.named_ports = workload.named_ports;
  out.host_network = workload.host_network;
  for (const Endpoint& endpoint : workload.endpoints) {
    out.addresses.insert(out.addresses.end(), endpoint.addresses.begin(), endpoint.addresses.end());
  }
  if (!workload.via.empty()) {
    const auto owner = view.workloads.find(workload.runtime + "/" + workload.via);
    out.via = owner == view.workloads.end() ? workload.via : WorkloadNameOf(owner->second);
    return out;  // its labels are its own, and nothing is judged by them
  }
  // Policy judges identities: labels that differ between replicas are no part of them.
  if (const auto identity = view.identities.find(workload.identity); identity != view.identities.end()) {
    out.ns = identity->second.ns;
    out.labels = identity->second.labels;
    out.named_ports = identity->second.named_ports;
  }
  return out;
}

lint::LintWorld WorldOf(const View& view) {
  lint::LintWorld world;
  world.namespaces = view.namespaces;
  world.nodes = view.nodes;
  for (const std::string& text : view.host_addresses) {
    if (const auto address = IpAddress::Parse(text)) world.host_addresses.push_back(*address);
  }
  for (const auto& [key, workload] : view.workloads) world.workloads.push_back(WorkloadOf(view, workload));
  return world;
}

absl::StatusOr<Response> Answer(const View& view, const PolicyDocuments& documents, lint::Options options) {
  options.policy = view.policy_options;
  const lint::LintWorld world = WorldOf(view);
  return ObjectResponse(MakeLintAnswer(lint::Lint(documents, &world, options), documents, &world));
}

}  // namespace

absl::StatusOr<Response> GetLint(const Context& context, const Request& /*request*/) {
  const std::shared_ptr<const View> view = context.service->GetView();
  return Answer(*view, view->documents ? *view->documents : PolicyDocuments(), {});
}

absl::StatusOr<Response> PostLint(const Context& context, const Request& request) {
  const absl::StatusOr<LintRequest> wanted = ParseWire<LintRequest>(request.body);
  if (!wanted.ok()) return wanted.status();
  if (wanted->files.empty()) return absl::InvalidArgumentError("\"files\": expected at least one");
  std::vector<bulkhead::PolicyFile> files;
  for (const PolicyFile& file : wanted->files) files.push_back(ParsePolicies(file.text, file.name));
  RefuseDuplicates(&files);
  std::vector<std::string> errors;
  for (const bulkhead::PolicyFile& file : files) errors.insert(errors.end(), file.errors.begin(), file.errors.end());
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));

  PolicyDocuments documents = JoinPolicies(files);
  std::set<std::string> given;
  for (const Policy& policy : documents.policies) given.insert(PolicyRef(policy));
  const std::shared_ptr<const View> view = context.service->GetView();
  if (view->documents) {
    for (const Policy& policy : view->documents->policies) {
      if (!given.contains(PolicyRef(policy))) documents.policies.push_back(policy);
    }
  }
  lint::Options options;
  options.about = [&given](const Policy& policy) { return given.contains(PolicyRef(policy)); };
  return Answer(*view, documents, options);
}

}  // namespace bulkhead::api

// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/parse.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/parse_network_policy.h"
#include "controlplane/policy/parse_parts.h"
#include "controlplane/yaml/node.h"

namespace bulkhead {
namespace {

// Position first, then text: errors are found pass by pass, and read from top to bottom.
void SortByPosition(std::vector<std::string>* errors, const std::string& file) {
  const auto key = [&](const std::string& error) {
    int line = 0, column = 0;
    if (error.starts_with(file)) std::sscanf(error.c_str() + file.size(), ":%d:%d", &line, &column);
    return std::pair(line, column);
  };
  std::stable_sort(errors->begin(), errors->end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
}

void ParseObject(const ParseContext& context, const RawObject& object, PolicyDocuments* documents) {
  const yaml::Node& kind_at = object.node->Find("kind") ? *object.node->Find("kind") : *object.node;
  if (object.kind == "NetworkPolicy") {
    if (object.api_version == kNetworkPolicyApi) {
      documents->policies.push_back(ParseNetworkPolicy(context, *object.node));
      return;
    }
    const yaml::Node* api = object.node->Find("apiVersion");
    context.Error(api ? *api : *object.node, absl::StrCat("apiVersion: found ", yaml::Quote(object.api_version), ", expected ",
                                                          kNetworkPolicyApi, " for a NetworkPolicy"));
    return;
  }
  for (const char* known : {"ClusterNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy"}) {
    if (object.kind != known) continue;
    context.Error(kind_at, absl::StrCat("kind: ", known, " is not supported, expected NetworkPolicy"));
    return;
  }
  const std::string nearest = yaml::Nearest(object.kind, {"NetworkPolicy", "List"});
  const std::string hint = nearest.empty() ? "" : absl::StrCat(" (did you mean ", nearest, "?)");
  context.Error(kind_at, absl::StrCat("kind: found ", yaml::Quote(object.kind), ", expected NetworkPolicy", hint));
}

}  // namespace

PolicyFile ParsePolicies(std::string_view text, const std::string& file) {
  PolicyFile out;
  out.file = file;
  const auto documents = yaml::Parse(text, file);
  if (!documents.ok()) {
    out.errors.emplace_back(documents.status().message());
    return out;
  }
  const ParseContext context{file, &out.errors};
  ForEachObject(context, *documents, [&](const RawObject& object) { ParseObject(context, object, &out.documents); });
  SortByPosition(&out.errors, file);
  return out;
}

void RefuseDuplicates(std::vector<PolicyFile>* files) {
  std::map<std::pair<std::string, std::string>, SourcePos> seen;
  for (PolicyFile& file : *files) {
    std::vector<Policy>& policies = file.documents.policies;
    std::erase_if(policies, [&](const Policy& policy) {
      const auto [first, added] = seen.emplace(std::pair(policy.ns, policy.name), policy.pos);
      if (added) return false;
      file.errors.push_back(absl::StrCat(policy.pos.ToString(), ": found a second NetworkPolicy ", policy.ns, "/", policy.name,
                                         ", the first is at ", first->second.ToString()));
      return true;
    });
  }
}

PolicyDocuments JoinPolicies(const std::vector<PolicyFile>& files) {
  PolicyDocuments all;
  for (const PolicyFile& file : files) {
    const auto& policies = file.documents.policies;
    all.policies.insert(all.policies.end(), policies.begin(), policies.end());
  }
  return all;
}

}  // namespace bulkhead

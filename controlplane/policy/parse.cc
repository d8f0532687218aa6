// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/parse.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/parse_network_policy.h"
#include "controlplane/policy/parse_parts.h"
#include "controlplane/policy/parse_tier_policy.h"
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
  std::vector<std::string> names = {"List"};
  for (const PolicyKind kind : kPolicyKinds) {
    names.emplace_back(PolicyKindName(kind));
    if (object.kind != names.back()) continue;
    if (object.api_version == ApiVersion(kind)) {
      documents->policies.push_back(kind == PolicyKind::kNetworkPolicy ? ParseNetworkPolicy(context, *object.node)
                                                                       : ParseTierPolicy(context, *object.node, kind));
      return;
    }
    const yaml::Node* api = object.node->Find("apiVersion");
    context.Error(api ? *api : *object.node, absl::StrCat("apiVersion: found ", yaml::Quote(object.api_version), ", expected ",
                                                          ApiVersion(kind), " for ", WithArticle(kind)));
    return;
  }
  const yaml::Node* kind = object.node->Find("kind");
  context.Error(kind ? *kind : *object.node,
                absl::StrCat("kind: found ", yaml::Quote(object.kind),
                             ", expected NetworkPolicy, ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy",
                             NearestHint(object.kind, names)));
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
  std::map<std::tuple<PolicyKind, std::string, std::string>, SourcePos> seen;
  for (PolicyFile& file : *files) {
    std::vector<Policy>& policies = file.documents.policies;
    std::erase_if(policies, [&](const Policy& policy) {
      const auto [first, added] = seen.emplace(std::tuple(policy.kind, policy.ns, policy.name), policy.pos);
      if (added) return false;
      const std::string name = policy.ns.empty() ? policy.name : policy.ns + "/" + policy.name;
      file.errors.push_back(absl::StrCat(policy.pos.ToString(), ": found a second ", PolicyKindName(policy.kind), " ", name,
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

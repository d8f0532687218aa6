// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/selectors.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bulkhead {

bool Matches(const LabelRequirement& requirement, const Labels& labels) {
  const auto label = labels.find(requirement.key);
  const bool there = label != labels.end();
  const auto listed = [&] {
    return std::find(requirement.values.begin(), requirement.values.end(), label->second) != requirement.values.end();
  };
  switch (requirement.op) {
    case LabelRequirement::Op::kIn:
      return there && listed();
    // Also what has no such label (Kubernetes API reference, "Labels and Selectors").
    case LabelRequirement::Op::kNotIn:
      return !there || !listed();
    case LabelRequirement::Op::kExists:
      return there;
    case LabelRequirement::Op::kDoesNotExist:
      return !there;
  }
  return false;
}

bool Matches(const LabelSelector& selector, const Labels& labels) {
  for (const auto& [key, value] : selector.match_labels) {
    const auto label = labels.find(key);
    if (label == labels.end() || label->second != value) return false;
  }
  return std::all_of(selector.match_expressions.begin(), selector.match_expressions.end(),
                     [&](const LabelRequirement& requirement) { return Matches(requirement, labels); });
}

Labels NamespaceLabels(const std::map<std::string, Labels>& declared, const std::string& ns) {
  Labels labels;
  if (const auto found = declared.find(ns); found != declared.end()) labels = found->second;
  labels[kNamespaceNameLabel] = ns;
  return labels;
}

std::string SelectorText(const LabelSelector& selector) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : selector.match_labels) parts.push_back(absl::StrCat(key, "=", value));
  for (const LabelRequirement& requirement : selector.match_expressions) {
    const std::string values = absl::StrCat("(", absl::StrJoin(requirement.values, ","), ")");
    switch (requirement.op) {
      case LabelRequirement::Op::kIn:
        parts.push_back(absl::StrCat(requirement.key, " in ", values));
        break;
      case LabelRequirement::Op::kNotIn:
        parts.push_back(absl::StrCat(requirement.key, " notin ", values));
        break;
      case LabelRequirement::Op::kExists:
        parts.push_back(requirement.key);
        break;
      case LabelRequirement::Op::kDoesNotExist:
        parts.push_back(absl::StrCat("!", requirement.key));
        break;
    }
  }
  return parts.empty() ? "all" : absl::StrJoin(parts, ",");
}

}  // namespace bulkhead

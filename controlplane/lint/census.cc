// SPDX-License-Identifier: Apache-2.0
#include "controlplane/lint/census.h"

#include "absl/strings/str_cat.h"
#include "controlplane/policy/selectors.h"
#include "controlplane/yaml/node.h"

namespace bulkhead::lint {
namespace {

constexpr size_t kShown = 5;
constexpr size_t kMaxCandidates = 200;  // among which a misspelt name is looked for

std::string Sample(const std::set<std::string>& names) {
  return ListText({names.begin(), names.end()}, kShown);
}

// " (did you mean X?)", or what there is.
std::string Instead(const std::string& wanted, const std::set<std::string>& existing) {
  if (existing.size() <= kMaxCandidates) {
    const std::string nearest = yaml::Nearest(wanted, {existing.begin(), existing.end()});
    if (!nearest.empty()) return absl::StrCat(" (did you mean ", nearest, "?)");
  }
  return existing.empty() ? "" : absl::StrCat(" (there is ", Sample(existing), ")");
}

}  // namespace

Census::Census(const LintWorld& world) : world_(world) {
  for (const LintWorkload& workload : world.workloads) {
    if (workload.host_network || !workload.via.empty()) {
      guests_.push_back(&workload);
      continue;
    }
    Space& space = spaces_[workload.ns];
    if (space.labels.empty()) space.labels = NamespaceLabels(world.namespaces, workload.ns);
    for (const auto& [key, value] : workload.labels) space.values[key].insert(value);
  }
  for (const auto& [name, space] : spaces_) {
    names_.insert(name);
    for (const auto& [key, value] : space.labels) keys_.insert(key);
  }
}

bool Census::Matches(const Ends& ends, const LintWorkload& workload) const {
  if (ends.ns && *ends.ns != workload.ns) return false;
  if (ends.namespaces && !bulkhead::Matches(*ends.namespaces, NamespaceLabels(world_.namespaces, workload.ns))) return false;
  return !ends.pods || bulkhead::Matches(*ends.pods, workload.labels);
}

std::string Census::Sharing(const Ends& ends, Budget* budget) const {
  if (ends.kind != Ends::Kind::kWorkloads) return "";
  std::vector<std::string> sharing;
  std::set<std::string> owners;
  for (const LintWorkload* guest : guests_) {
    if (!budget->Spend()) return "";
    if (guest->via.empty() || !Matches(ends, *guest)) continue;
    sharing.push_back(guest->name);
    owners.insert(guest->via);
  }
  if (sharing.empty()) return "";
  return absl::StrCat(ListText(sharing, kShown), sharing.size() == 1 ? " shares" : " share", " the network namespace of ", Sample(owners),
                      " and has no traffic of its own, so nothing is judged by these labels: select ", Sample(owners), " instead");
}

std::string Census::WhyNobody(const Ends& ends, Budget* budget) const {
  if (ends.kind == Ends::Kind::kNodes) return "no node has these labels: correct them, or name networks";
  for (const LintWorkload* guest : guests_) {
    if (!budget->Spend()) break;
    if (guest->via.empty() && Matches(ends, *guest)) {
      return absl::StrCat(guest->name, " is on the host's own network, where it is node traffic that no selector matches: give it a "
                          "network of its own, or name the host's addresses by ipBlock");
    }
  }
  std::vector<const Space*> spaces;
  for (const auto& [name, space] : spaces_) {
    const bool matches = ends.ns ? *ends.ns == name : !ends.namespaces || bulkhead::Matches(*ends.namespaces, space.labels);
    if (matches) spaces.push_back(&space);
  }
  if (!spaces.empty()) return WhyNoPods(ends.pods ? *ends.pods : LabelSelector(), spaces);
  if (ends.ns) return absl::StrCat("no workload lives in namespace ", *ends.ns, Instead(*ends.ns, names_));
  for (const auto& [key, value] : ends.namespaces->match_labels) {
    if (key == kNamespaceNameLabel) return absl::StrCat("no workload lives in namespace ", value, Instead(value, names_));
    if (!keys_.contains(key)) {
      return absl::StrCat("no namespace with workloads has a label ", key, "; they have ", Sample(keys_), ", so select them by ",
                          kNamespaceNameLabel);
    }
  }
  return absl::StrCat("no namespace with workloads has these labels (there is ", Sample(names_), ")");
}

std::string Census::WhyNoPods(const LabelSelector& pods, const std::vector<const Space*>& spaces) const {
  for (const auto& [key, value] : pods.match_labels) {
    std::set<std::string> values;
    for (const Space* space : spaces) {
      if (const auto found = space->values.find(key); found != space->values.end()) {
        values.insert(found->second.begin(), found->second.end());
      }
    }
    if (values.empty()) return absl::StrCat("no workload there has a label ", key, ": select by one that they have");
    if (!values.contains(value)) return absl::StrCat("no workload there has ", key, "=", value, Instead(value, values));
  }
  return "no workload there has all of these labels: correct the selector, or remove it";
}

}  // namespace bulkhead::lint

// SPDX-License-Identifier: Apache-2.0
// Who is in a namespace and who has a label: what makes resolving a selector cost as much as those who could match it.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/passes.h"
#include "controlplane/policy/selectors.h"

namespace bulkhead::compile {
namespace {

// Selectors whose members are remembered; more than that, and the memory is emptied.
constexpr size_t kMaxRemembered = 100'000;

std::string Pair(const std::string& key, const std::string& value) { return absl::StrCat(key.size(), ":", key, value); }

bool SameIdentities(const std::vector<Identity>& known, const std::vector<KnownIdentity>& now) {
  return std::equal(known.begin(), known.end(), now.begin(), now.end(),
                    [](const Identity& a, const KnownIdentity& b) { return a.id == b.identity.id; });
}

}  // namespace

void Population::Set(const CompileInput& input) {
  if (members_.size() > kMaxRemembered) members_.clear();
  if (SameIdentities(identities_, input.identities) && namespaces_ == input.namespaces) return;
  identities_.clear();
  spaces_.clear();
  labels_.clear();
  members_.clear();
  namespaces_ = input.namespaces;
  for (uint32_t i = 0; i < input.identities.size(); ++i) {
    const Identity& identity = identities_.emplace_back(input.identities[i].identity);
    spaces_[identity.ns].second.push_back(i);
    for (const auto& [key, value] : identity.labels) labels_[Pair(key, value)].push_back(i);
  }
  for (auto& [ns, space] : spaces_) space.first = NamespaceLabels(namespaces_, ns);
}

const std::vector<uint32_t>& Population::Members(const std::string& key, const SelectorAtom& atom) {
  const auto [found, added] = members_.try_emplace(key);
  if (added) found->second = Find(atom);
  return found->second;
}

// Looks at the fewest that can match: those of the rarest label, or of the namespaces.
std::vector<uint32_t> Population::Find(const SelectorAtom& atom) const {
  std::vector<const std::pair<Labels, std::vector<uint32_t>>*> spaces;
  size_t in_spaces = 0;
  for (const auto& [ns, space] : spaces_) {
    if (atom.one_namespace ? ns != *atom.ns : !Matches(*atom.namespaces, space.first)) continue;
    spaces.push_back(&space);
    in_spaces += space.second.size();
  }
  const std::vector<uint32_t>* rarest = nullptr;
  for (const auto& [key, value] : atom.pods->match_labels) {
    const auto having = labels_.find(Pair(key, value));
    if (having == labels_.end()) return {};
    if (!rarest || having->second.size() < rarest->size()) rarest = &having->second;
  }
  std::vector<uint32_t> out;
  const auto consider = [&](uint32_t i) {
    if (Matches(*atom.pods, identities_[i].labels)) out.push_back(i);
  };
  if (rarest && rarest->size() < in_spaces) {
    for (const uint32_t i : *rarest) {
      const auto& home = spaces_.at(identities_[i].ns);
      if (std::find(spaces.begin(), spaces.end(), &home) != spaces.end()) consider(i);
    }
    return out;
  }
  for (const auto* space : spaces) std::for_each(space->second.begin(), space->second.end(), consider);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace bulkhead::compile

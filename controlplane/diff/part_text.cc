// SPDX-License-Identifier: Apache-2.0
// What part of a party is meant, in words.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/diff/parties.h"

namespace bulkhead {
namespace {

constexpr size_t kMostNamed = 3;  // identities or prefixes; more are counted

bool Has(const std::vector<uint32_t>& joints, const Member& member) {
  return std::binary_search(joints.begin(), joints.end(), member.joint);
}

std::string JoinSome(const std::vector<std::string>& parts, const char* separator) {
  const size_t shown = std::min(parts.size(), kMostNamed);
  std::string out = absl::StrJoin(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(shown), separator);
  if (shown < parts.size()) absl::StrAppend(&out, " and ", parts.size() - shown, " more");
  return out;
}

// The prefixes of a subject from short to long; the last is the one that the address is nearest to.
std::vector<uint32_t> Nested(const CompiledPolicy& policy, SubjectId subject) {
  std::vector<uint32_t> cidrs = policy.subjects[subject].cidrs;
  std::sort(cidrs.begin(), cidrs.end(), [&](uint32_t a, uint32_t b) { return policy.cidrs[a].length < policy.cidrs[b].length; });
  return cidrs;
}

// The world as a tree: each prefix below the nearest that holds it, those in none below nullopt.
class WorldPart {
 public:
  WorldPart(const DiffParty& party, const std::vector<uint32_t>& joints, const CompiledPolicy& policy) : policy_(policy) {
    for (const Member& member : party.members) {
      const std::vector<uint32_t> nested = Nested(policy, member.subject);
      Node node;
      const Place own = nested.empty() ? Place() : Place(nested.back());
      if (nested.size() > 1) node.parent = nested[nested.size() - 2];
      node.inside = Has(joints, member);
      nodes_[own] = node;
    }
  }

  std::string Text() const {
    std::map<Place, std::vector<std::string>> parts;  // the tops that are meant -> what in them is not
    size_t inside = 0;
    for (const auto& [own, node] : nodes_) {
      inside += node.inside ? 1 : 0;
      if (!own) continue;
      const bool parent_inside = nodes_.at(node.parent).inside;
      if (node.inside && !parent_inside) parts[own];
      if (!node.inside && parent_inside) parts[TopOf(node.parent)].push_back(policy_.cidrs[*own].ToString());
    }
    if (nodes_.at(std::nullopt).inside) parts[std::nullopt];
    if (inside == 1 && parts.contains(std::nullopt)) return "world (elsewhere)";
    std::vector<std::string> texts;
    for (const auto& [top, except] : parts) {
      std::string text = top ? policy_.cidrs[*top].ToString() : "";
      if (!except.empty()) absl::StrAppend(&text, text.empty() ? "" : " ", "except ", JoinSome(except, ", "));
      texts.push_back(std::move(text));
    }
    return absl::StrCat("world ", JoinSome(texts, ", "));
  }

 private:
  using Place = std::optional<uint32_t>;  // index into cidrs; nullopt: elsewhere
  struct Node {
    Place parent;
    bool inside = false;
  };

  Place TopOf(Place place) const {
    while (place && nodes_.at(nodes_.at(place).parent).inside) place = nodes_.at(place).parent;
    return place;
  }

  const CompiledPolicy& policy_;
  std::map<Place, Node> nodes_;
};

// By what an identity differs from the others of its service: "version=v2", "no version", "image sha256:0123456789ab".
std::string DetailOf(const Identity& identity, const std::vector<const Identity*>& all) {
  std::set<std::string> keys;
  for (const Identity* one : all) {
    for (const auto& [key, value] : one->labels) keys.insert(key);
  }
  std::vector<std::string> parts;
  for (const std::string& key : keys) {
    const auto value = [&](const Identity& one) {
      const auto at = one.labels.find(key);
      return at == one.labels.end() ? std::nullopt : std::optional<std::string>(at->second);
    };
    const std::optional<std::string> own = value(identity);
    if (std::all_of(all.begin(), all.end(), [&](const Identity* one) { return value(*one) == own; })) continue;
    parts.push_back(own ? absl::StrCat(key, "=", *own) : absl::StrCat("no ", key));
    if (parts.size() == 2) break;
  }
  if (parts.empty() && !identity.image_digest.empty()) return absl::StrCat("image ", identity.image_digest.substr(0, 19));
  return absl::StrJoin(parts, ",");
}

std::string IdentitiesText(const std::set<uint32_t>& some, const std::set<uint32_t>& all, const CompileInput& world) {
  std::vector<const Identity*> identities;
  for (const uint32_t i : all) identities.push_back(&world.identities[i].identity);
  std::vector<std::string> details;
  for (const uint32_t i : some) {
    if (details.size() == kMostNamed) break;
    details.push_back(DetailOf(world.identities[i].identity, identities));
  }
  const std::set<std::string> distinct(details.begin(), details.end());
  const bool tell = some.size() < kMostNamed && distinct.size() == some.size() && !distinct.contains("");
  return tell ? absl::StrCat(" ", absl::StrJoin(details, " or "))
              : absl::StrCat(" (", some.size(), " of ", all.size(), " identities)");
}

std::string AddressesText(const std::set<SubjectId>& subjects, const CompiledPolicy& policy) {
  std::vector<std::string> texts;
  for (const SubjectId subject : subjects) {
    const std::vector<uint32_t> nested = Nested(policy, subject);
    texts.push_back(nested.empty() ? "no CIDR" : policy.cidrs[nested.back()].ToString());
  }
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return absl::StrCat(" in ", JoinSome(texts, ", "));
}

}  // namespace

std::string PartText(const DiffParty& party, const std::vector<uint32_t>& joints, const PolicyPair& pair,
                     const CompileInput& world) {
  if (joints.size() == party.joints.size()) return party.name;
  if (party.kind == DiffParty::Kind::kWorld) return WorldPart(party, joints, *pair.before).Text();
  std::set<uint32_t> all, touched, partly;
  std::set<SubjectId> subjects;
  for (const Member& member : party.members) {
    all.insert(member.identity);
    if (Has(joints, member)) {
      touched.insert(member.identity);
      subjects.insert(member.subject);
    } else {
      partly.insert(member.identity);  // as far as it is touched at all
    }
  }
  const bool whole = std::none_of(touched.begin(), touched.end(), [&](uint32_t i) { return partly.contains(i); });
  if (whole && party.kind == DiffParty::Kind::kService) return party.name + IdentitiesText(touched, all, world);
  return party.name + AddressesText(subjects, *pair.before);
}

}  // namespace bulkhead

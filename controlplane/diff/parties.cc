// SPDX-License-Identifier: Apache-2.0
#include "controlplane/diff/parties.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

class PartyMaker {
 public:
  PartyMaker(const PolicyPair& pair, const JointClasses& joints) : policy_(*pair.before), joints_(joints) {}

  void AddSubject(DiffParty* party, std::optional<SubjectId> subject, uint32_t identity) const {
    if (subject) party->members.push_back({*subject, joints_.of_subject[*subject], identity});
  }

  void AddIdentity(DiffParty* party, const KnownIdentity& known, uint32_t index, bool some_addressless) const {
    std::set<SubjectId> subjects;
    for (const IpAddress& address : known.addresses) subjects.insert(policy_.FindSubject(known.identity.id, address).value());
    if (subjects.empty() || some_addressless) subjects.insert(policy_.FindSubject(known.identity.id).value());
    for (const SubjectId subject : subjects) AddSubject(party, subject, index);
  }

  DiffParty Host(const std::vector<IpAddress>& addresses) const {
    DiffParty party{DiffParty::Kind::kHost, "host", {}, {}};
    std::set<SubjectId> subjects;
    for (const IpAddress& address : addresses) subjects.insert(policy_.FindSubject(kIdentityHost, address).value());
    if (subjects.empty()) subjects.insert(kSubjectHost);
    for (const SubjectId subject : subjects) AddSubject(&party, subject, 0);
    return party;
  }

  // An address that is somebody's is never the world's.
  DiffParty World(const CompileInput& world) const {
    std::set<IpAddress> taken(world.host_addresses.begin(), world.host_addresses.end());
    for (const KnownIdentity& known : world.identities) taken.insert(known.addresses.begin(), known.addresses.end());
    DiffParty party{DiffParty::Kind::kWorld, "world", {}, {}};
    AddSubject(&party, kSubjectWorld, 0);
    for (const auto& [prefix, subject] : policy_.world_prefixes) {
      if (prefix != Prefix::Host(prefix.address) || !taken.contains(prefix.address)) AddSubject(&party, subject, 0);
    }
    return party;
  }

 private:
  const CompiledPolicy& policy_;
  const JointClasses& joints_;
};

std::string NameOf(const Identity& identity) {
  if (identity.service.empty()) return absl::StrCat("identity ", identity.id);
  return absl::StrCat(identity.ns, "/", identity.service);
}

void FindJoints(DiffParty* party) {
  std::set<uint32_t> joints;
  for (const Member& member : party->members) joints.insert(member.joint);
  party->joints.assign(joints.begin(), joints.end());
}

}  // namespace

std::vector<DiffParty> MakeParties(const PolicyPair& pair, const CompileInput& world, const std::vector<Headcount>& headcounts,
                                   const JointClasses& joints, bool with_host) {
  const PartyMaker maker(pair, joints);
  std::map<std::string, DiffParty> services;
  for (uint32_t i = 0; i < world.identities.size(); ++i) {
    const KnownIdentity& known = world.identities[i];
    DiffParty& party = services[NameOf(known.identity)];
    maker.AddIdentity(&party, known, i, headcounts.empty() || headcounts[i].some_addressless);
  }
  std::vector<DiffParty> out;
  for (auto& [name, party] : services) {
    party.name = name;
    out.push_back(std::move(party));
  }
  if (with_host) {
    DiffParty& unknown = out.emplace_back(DiffParty{DiffParty::Kind::kUnknown, "unknown", {}, {}});
    maker.AddSubject(&unknown, kSubjectUnknown, 0);
    out.push_back(maker.Host(world.host_addresses));
  }
  out.push_back(maker.World(world));
  std::for_each(out.begin(), out.end(), [](DiffParty& party) { FindJoints(&party); });
  return out;
}

SelfTalk::SelfTalk(const DiffParty& party, const std::vector<Headcount>& headcounts) : party_(party) {
  who_.resize(party.joints.size());
  std::vector<bool> seen(party.joints.size());
  for (const Member& member : party.members) {
    const auto at =
        static_cast<size_t>(std::lower_bound(party.joints.begin(), party.joints.end(), member.joint) - party.joints.begin());
    Who& who = who_[at];
    if (seen[at]) {
      who.several = who.several || who.identity != member.identity;
      continue;
    }
    seen[at] = true;
    who.identity = member.identity;
    who.alone = party.kind == DiffParty::Kind::kService && !headcounts.empty() && headcounts[member.identity].workloads < 2;
  }
}

const SelfTalk::Who& SelfTalk::Of(uint32_t joint) const {
  return who_[static_cast<size_t>(std::lower_bound(party_.joints.begin(), party_.joints.end(), joint) - party_.joints.begin())];
}

bool SelfTalk::Possible(uint32_t from, uint32_t to) const {
  const Who& source = Of(from);
  const Who& destination = Of(to);
  return source.several || destination.several || source.identity != destination.identity || !source.alone;
}

}  // namespace bulkhead

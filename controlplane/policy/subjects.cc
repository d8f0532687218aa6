// SPDX-License-Identifier: Apache-2.0
// Pass 4: every (identity, set of prefixes) that a packet's peer can be.
#include "controlplane/policy/passes.h"

namespace bulkhead::compile {
namespace {

class SubjectMaker {
 public:
  SubjectMaker(CompiledPolicy* policy, std::vector<int>* owner) : policy_(policy), owner_(owner) {}

  SubjectId Add(IdentityId identity, std::vector<uint32_t> set, Mode mode, int owner) {
    const auto id = static_cast<SubjectId>(policy_->subjects.size());
    const auto [found, added] = policy_->subject_index.try_emplace({identity, std::move(set)}, id);
    if (!added) return found->second;
    policy_->subjects.push_back({identity, found->first.cidrs, 0, kNoRow, mode});
    owner_->push_back(owner);
    return id;
  }
  SubjectId AddAddress(IdentityId identity, const IpAddress& address, Mode mode, int owner) {
    return Add(identity, policy_->cidrs.Holding(address), mode, owner);
  }

 private:
  CompiledPolicy* const policy_;
  std::vector<int>* const owner_;
};

}  // namespace

void MakeSubjects(const CompileInput& input, CompiledPolicy* policy, std::vector<int>* owner) {
  const size_t likely = 8 + 2 * input.identities.size() + policy->cidrs.size();
  policy->subjects.reserve(likely);
  policy->subject_index.reserve(likely);
  owner->reserve(likely);
  SubjectMaker maker(policy, owner);
  maker.Add(kIdentityUnknown, {}, input.global_mode, -1);
  maker.Add(kIdentityHost, {}, Mode::kLearn, -1);
  maker.Add(kIdentityWorld, {}, Mode::kLearn, -1);
  for (size_t i = 0; i < input.identities.size(); ++i) {
    const KnownIdentity& known = input.identities[i];
    maker.Add(known.identity.id, {}, known.mode, static_cast<int>(i));
    for (const IpAddress& address : known.addresses) maker.AddAddress(known.identity.id, address, known.mode, static_cast<int>(i));
  }
  for (const IpAddress& address : input.host_addresses) maker.AddAddress(kIdentityHost, address, Mode::kLearn, -1);
  // What lies in a prefix and in no longer one lies in exactly those prefixes that hold its first address and are no longer: a
  // shorter one that holds the prefix holds all of it.
  for (const Prefix& prefix : policy->cidrs.prefixes()) {
    std::vector<uint32_t> set = policy->cidrs.Holding(prefix.address);
    std::erase_if(set, [&](uint32_t other) { return policy->cidrs[other].length > prefix.length; });
    policy->world_prefixes.emplace_back(prefix, maker.Add(kIdentityWorld, std::move(set), Mode::kLearn, -1));
  }
}

}  // namespace bulkhead::compile

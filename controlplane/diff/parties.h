// SPDX-License-Identifier: Apache-2.0
// Parties: who can stand in a row of a diff, and what part of them a row is about. Immutable once made; any thread.
#ifndef BULKHEAD_CONTROLPLANE_DIFF_PARTIES_H_
#define BULKHEAD_CONTROLPLANE_DIFF_PARTIES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/diff/diff.h"
#include "controlplane/diff/joint.h"

namespace bulkhead {

// A subject of a party. identity: index into CompileInput::identities; a workload's only.
struct Member {
  SubjectId subject = 0;
  uint32_t joint = 0;
  uint32_t identity = 0;
};

// A service, the unknown, the host, or the world.
struct DiffParty {
  enum class Kind : uint8_t { kService, kUnknown, kHost, kWorld };
  Kind kind = Kind::kService;
  std::string name;
  std::vector<Member> members;
  std::vector<uint32_t> joints;  // of its members; ascending, each once
};

// Services by name, then the others. Subjects that no packet can have are left out: that of an identity without address, when it
// has addresses, none of them outside of all CIDRs, and so do all of its workloads.
std::vector<DiffParty> MakeParties(const PolicyPair& pair, const CompileInput& world, const std::vector<Headcount>& headcounts,
                                   const JointClasses& joints, bool with_host);

// Whether a workload of a party that is in one class can talk to another one of it that is in another.
class SelfTalk {
 public:
  SelfTalk(const DiffParty& party, const std::vector<Headcount>& headcounts);
  bool Possible(uint32_t from, uint32_t to) const;

 private:
  struct Who {
    uint32_t identity = 0;
    bool several = false;  // identities
    bool alone = false;    // one, with one workload
  };
  const Who& Of(uint32_t joint) const;

  const DiffParty& party_;
  std::vector<Who> who_;  // by index into party.joints
};

// What part of the party these classes (ascending) are:
//   "shop/web", "world", "host"                             all of it
//   "shop/web version=v2", "shop/web (3 of 5 identities)"   some of its identities
//   "shop/web in 10.0.0.0/8"                                some of its addresses
//   "world 203.0.113.0/24 except 203.0.113.7/32", "world (elsewhere)"
std::string PartText(const DiffParty& party, const std::vector<uint32_t>& joints, const PolicyPair& pair,
                     const CompileInput& world);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DIFF_PARTIES_H_

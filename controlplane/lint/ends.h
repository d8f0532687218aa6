// SPDX-License-Identifier: Apache-2.0
// Ends: whom a subject or a peer is about, as the documents alone tell it. What is said here holds whoever lives on the host.
// Pure; any thread. The documents must outlive the values.
#ifndef BULKHEAD_CONTROLPLANE_LINT_ENDS_H_
#define BULKHEAD_CONTROLPLANE_LINT_ENDS_H_

#include <string>
#include <vector>

#include "bulkhead/model/policy.h"

namespace bulkhead::lint {

struct Ends {
  enum class Kind : unsigned char { kEverybody, kWorkloads, kAddresses, kNodes };
  Kind kind = Kind::kEverybody;
  // kWorkloads: in one namespace, or in those that `namespaces` matches; `pods` null: all of them.
  const std::string* ns = nullptr;
  const LabelSelector* namespaces = nullptr;
  const LabelSelector* pods = nullptr;
  // kAddresses
  Prefix cidr;
  const std::vector<Prefix>* except = nullptr;  // may be null
  const LabelSelector* nodes = nullptr;         // kNodes
};

Ends SubjectEnds(const Policy& policy);
// Several for a peer with several networks; none for domainNames.
std::vector<Ends> PeerEnds(const Policy& policy, const PolicyPeer& peer);
// Of all peers of a rule; everybody when it lists none.
std::vector<Ends> RuleEnds(const Policy& policy, const PolicyRule& rule);

// Whether all of `inner` are in `outer` for certain.
bool Contains(const Ends& outer, const Ends& inner);
// Each of `inner` is in one of `outer`.
bool Contains(const std::vector<Ends>& outer, const std::vector<Ends>& inner);
// Whether somebody could be in both; false is certain.
bool MayMeet(const Ends& a, const Ends& b);
bool MayMeet(const std::vector<Ends>& a, const std::vector<Ends>& b);
// Whether whoever is in one of some two is in the other too.
bool MustMeet(const std::vector<Ends>& a, const std::vector<Ends>& b);
// Whether nobody can be in it: its selector contradicts itself.
bool IsNobody(const Ends& ends);

// Whether whatever `inner` matches, `outer` matches too.
bool Implies(const LabelSelector& inner, const LabelSelector& outer);

// "app=web in namespace shop", "every workload in namespaces with team=a", "10.0.0.0/8", "everybody".
std::string EndsText(const Ends& ends);

}  // namespace bulkhead::lint

#endif  // BULKHEAD_CONTROLPLANE_LINT_ENDS_H_

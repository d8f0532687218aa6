// SPDX-License-Identifier: Apache-2.0
#include "controlplane/lint/ends.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/selectors.h"

namespace bulkhead::lint {
namespace {

// What the value of one label may be. any: each value but `values`; else one of `values`.
struct Choice {
  bool absent = true;
  bool any = true;
  std::set<std::string_view> values;

  bool Impossible() const { return !absent && !any && values.empty(); }

  void In(const std::vector<std::string_view>& wanted) {
    std::set<std::string_view> left;
    for (const std::string_view value : wanted) {
      if (values.contains(value) != any) left.insert(value);
    }
    absent = any = false;
    values = std::move(left);
  }
  void Require(const LabelRequirement& requirement) {
    switch (requirement.op) {
      case LabelRequirement::Op::kIn:
        return In({requirement.values.begin(), requirement.values.end()});
      case LabelRequirement::Op::kNotIn:
        for (const std::string& value : requirement.values) {
          if (any) {
            values.insert(value);
          } else {
            values.erase(value);
          }
        }
        return;
      case LabelRequirement::Op::kExists:
        absent = false;
        return;
      case LabelRequirement::Op::kDoesNotExist:
        any = false;
        values.clear();
        return;
    }
  }
  void Require(const LabelSelector& selector, std::string_view key) {
    for (const auto& [label, value] : selector.match_labels) {
      if (label == key) In({value});
    }
    for (const LabelRequirement& requirement : selector.match_expressions) {
      if (requirement.key == key) Require(requirement);
    }
  }
  // Whether whatever is possible here meets the requirement.
  bool Meets(const LabelRequirement& requirement) const {
    const auto listed = [&](std::string_view value) {
      return std::find(requirement.values.begin(), requirement.values.end(), value) != requirement.values.end();
    };
    switch (requirement.op) {
      case LabelRequirement::Op::kIn:
        return !absent && !any && std::all_of(values.begin(), values.end(), listed);
      case LabelRequirement::Op::kNotIn:
        if (!any) return std::none_of(values.begin(), values.end(), listed);
        return std::all_of(requirement.values.begin(), requirement.values.end(),
                           [&](const std::string& value) { return values.contains(value); });
      case LabelRequirement::Op::kExists:
        return !absent;
      case LabelRequirement::Op::kDoesNotExist:
        return !any && values.empty();
    }
    return false;
  }
};

// The labels of whom selectors are asked: a workload's are free, a namespace has one for sure.
struct Holder {
  const LabelSelector* selector = nullptr;  // null: no demands
  const std::string* ns = nullptr;          // the one namespace that it is

  Choice Of(std::string_view key, bool of_namespace) const {
    Choice choice;
    if (of_namespace && key == kNamespaceNameLabel) choice.absent = false;
    if (ns && key == kNamespaceNameLabel) choice.In({*ns});
    if (selector) choice.Require(*selector, key);
    return choice;
  }
  std::vector<std::string_view> Keys() const {
    std::vector<std::string_view> keys;
    if (ns) keys.emplace_back(kNamespaceNameLabel);
    if (!selector) return keys;
    for (const auto& [key, value] : selector->match_labels) keys.emplace_back(key);
    for (const LabelRequirement& requirement : selector->match_expressions) keys.emplace_back(requirement.key);
    return keys;
  }
};

bool Implied(const Holder& inner, const Holder& outer, bool of_namespace) {
  const auto has = [&](std::string_view key, std::string_view value) {
    const Choice choice = inner.Of(key, of_namespace);
    return !choice.absent && !choice.any && std::all_of(choice.values.begin(), choice.values.end(), [&](auto v) { return v == value; });
  };
  if (outer.ns && !has(kNamespaceNameLabel, *outer.ns)) return false;
  if (!outer.selector) return true;
  return std::all_of(outer.selector->match_labels.begin(), outer.selector->match_labels.end(),
                     [&](const auto& label) { return has(label.first, label.second); }) &&
         std::all_of(outer.selector->match_expressions.begin(), outer.selector->match_expressions.end(),
                     [&](const LabelRequirement& r) { return inner.Of(r.key, of_namespace).Meets(r); });
}

bool Possible(const Holder& a, const Holder& b, bool of_namespace) {
  for (const Holder* holder : {&a, &b}) {
    for (const std::string_view key : holder->Keys()) {
      Choice choice = a.Of(key, of_namespace);
      if (b.ns && key == kNamespaceNameLabel) choice.In({*b.ns});
      if (b.selector) choice.Require(*b.selector, key);
      if (choice.Impossible()) return false;
    }
  }
  return true;
}

Holder SpaceOf(const Ends& ends) { return {ends.namespaces, ends.ns}; }
Holder PodsOf(const Ends& ends) { return {ends.pods, nullptr}; }

bool Disjoint(const Prefix& a, const Prefix& b) { return !a.Contains(b) && !b.Contains(a); }

bool ContainsBlock(const Ends& outer, const Ends& inner) {
  if (!outer.cidr.Contains(inner.cidr)) return false;
  if (!outer.except) return true;
  return std::all_of(outer.except->begin(), outer.except->end(), [&](const Prefix& hole) {
    if (Disjoint(hole, inner.cidr)) return true;
    return inner.except && std::any_of(inner.except->begin(), inner.except->end(),
                                       [&](const Prefix& own) { return own.Contains(hole); });
  });
}

bool BlocksMayMeet(const Ends& a, const Ends& b) {
  if (Disjoint(a.cidr, b.cidr)) return false;
  const auto cut_out = [](const Ends& holed, const Prefix& cidr) {
    return holed.except && std::any_of(holed.except->begin(), holed.except->end(),
                                       [&](const Prefix& hole) { return hole.Contains(cidr); });
  };
  return !cut_out(a, b.cidr) && !cut_out(b, a.cidr);
}

}  // namespace

Ends SubjectEnds(const Policy& policy) {
  Ends ends;
  ends.kind = Ends::Kind::kWorkloads;
  if (policy.kind == PolicyKind::kNetworkPolicy) {
    ends.ns = &policy.ns;
  } else {
    ends.namespaces = &policy.namespace_selector;
  }
  ends.pods = &policy.pod_selector;
  return ends;
}

std::vector<Ends> PeerEnds(const Policy& policy, const PolicyPeer& peer) {
  std::vector<Ends> out;
  Ends ends;
  if (peer.ip_block) {
    ends.kind = Ends::Kind::kAddresses;
    ends.cidr = peer.ip_block->cidr;
    ends.except = &peer.ip_block->except;
    out.push_back(ends);
  } else if (peer.node_selector) {
    ends.kind = Ends::Kind::kNodes;
    ends.nodes = &*peer.node_selector;
    out.push_back(ends);
  } else if (peer.pod_selector || peer.namespace_selector) {
    ends.kind = Ends::Kind::kWorkloads;
    if (peer.namespace_selector) {
      ends.namespaces = &*peer.namespace_selector;
    } else {
      ends.ns = &policy.ns;
    }
    if (peer.pod_selector) ends.pods = &*peer.pod_selector;
    out.push_back(ends);
  }
  for (const Prefix& network : peer.networks) {
    ends.kind = Ends::Kind::kAddresses;
    ends.cidr = network;
    out.push_back(ends);
  }
  return out;
}

std::vector<Ends> RuleEnds(const Policy& policy, const PolicyRule& rule) {
  if (rule.peers.empty()) return {Ends()};
  std::vector<Ends> out;
  for (const PolicyPeer& peer : rule.peers) {
    const std::vector<Ends> ends = PeerEnds(policy, peer);
    out.insert(out.end(), ends.begin(), ends.end());
  }
  return out;
}

bool Contains(const Ends& outer, const Ends& inner) {
  if (outer.kind == Ends::Kind::kEverybody) return true;
  if (outer.kind != inner.kind) return false;
  switch (outer.kind) {
    case Ends::Kind::kWorkloads:
      return Implied(SpaceOf(inner), SpaceOf(outer), true) && Implied(PodsOf(inner), PodsOf(outer), false);
    case Ends::Kind::kAddresses:
      return ContainsBlock(outer, inner);
    case Ends::Kind::kNodes:
      return Implies(*inner.nodes, *outer.nodes);
    case Ends::Kind::kEverybody:
      break;
  }
  return true;
}

bool Contains(const std::vector<Ends>& outer, const std::vector<Ends>& inner) {
  return std::all_of(inner.begin(), inner.end(), [&](const Ends& one) {
    return std::any_of(outer.begin(), outer.end(), [&](const Ends& other) { return Contains(other, one); });
  });
}

// Workloads have addresses, and nodes too: only like and like can be told apart.
bool MayMeet(const Ends& a, const Ends& b) {
  if (IsNobody(a) || IsNobody(b)) return false;
  if (a.kind == Ends::Kind::kWorkloads && b.kind == Ends::Kind::kWorkloads) {
    return Possible(SpaceOf(a), SpaceOf(b), true) && Possible(PodsOf(a), PodsOf(b), false);
  }
  if (a.kind == Ends::Kind::kAddresses && b.kind == Ends::Kind::kAddresses) return BlocksMayMeet(a, b);
  return true;
}

bool MayMeet(const std::vector<Ends>& a, const std::vector<Ends>& b) {
  return std::any_of(a.begin(), a.end(), [&](const Ends& one) {
    return std::any_of(b.begin(), b.end(), [&](const Ends& other) { return MayMeet(one, other); });
  });
}

bool MustMeet(const std::vector<Ends>& a, const std::vector<Ends>& b) {
  return std::any_of(a.begin(), a.end(), [&](const Ends& one) {
    return !IsNobody(one) && std::any_of(b.begin(), b.end(), [&](const Ends& other) {
      return !IsNobody(other) && (Contains(one, other) || Contains(other, one));
    });
  });
}

bool IsNobody(const Ends& ends) {
  if (ends.kind == Ends::Kind::kNodes) return !Possible({ends.nodes, nullptr}, {}, false);
  if (ends.kind != Ends::Kind::kWorkloads) return false;
  return !Possible(SpaceOf(ends), {}, true) || !Possible(PodsOf(ends), {}, false);
}

bool Implies(const LabelSelector& inner, const LabelSelector& outer) {
  return Implied({&inner, nullptr}, {&outer, nullptr}, false);
}

std::string EndsText(const Ends& ends) {
  switch (ends.kind) {
    case Ends::Kind::kEverybody:
      return "everybody";
    case Ends::Kind::kAddresses:
      return ends.cidr.ToString();
    case Ends::Kind::kNodes:
      return absl::StrCat("nodes ", SelectorText(*ends.nodes));
    case Ends::Kind::kWorkloads:
      break;
  }
  const std::string pods = ends.pods && !(*ends.pods == LabelSelector()) ? SelectorText(*ends.pods) : "every workload";
  if (ends.ns) return absl::StrCat(pods, " in namespace ", *ends.ns);
  const LabelSelector& spaces = *ends.namespaces;
  if (spaces == LabelSelector()) return absl::StrCat(pods, " in every namespace");
  const auto name = spaces.match_labels.find(kNamespaceNameLabel);
  const bool one = spaces.match_expressions.empty() && spaces.match_labels.size() == 1 && name != spaces.match_labels.end();
  return absl::StrCat(pods, one ? " in namespace " : " in namespaces with ", one ? name->second : SelectorText(spaces));
}

}  // namespace bulkhead::lint

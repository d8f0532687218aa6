// SPDX-License-Identifier: Apache-2.0
// Census: which labels exist where, to tell why a selector matches nobody. Immutable once made; the world must outlive it.
#ifndef BULKHEAD_CONTROLPLANE_LINT_CENSUS_H_
#define BULKHEAD_CONTROLPLANE_LINT_CENSUS_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "controlplane/lint/checks.h"

namespace bulkhead::lint {

class Census {
 public:
  explicit Census(const LintWorld& world);

  // Why nobody is in `ends`, and what to do: "no workload there has app=dbb (did you mean app=db?)".
  std::string WhyNobody(const Ends& ends, Budget* budget) const;
  // Of ends that match only workloads without traffic of their own: which, and whose it is. "": they do not.
  std::string Sharing(const Ends& ends, Budget* budget) const;

 private:
  struct Space {
    Labels labels;
    std::map<std::string, std::set<std::string>> values;  // of the workloads' labels, by key
  };

  bool Matches(const Ends& ends, const LintWorkload& workload) const;
  std::string WhyNoPods(const LabelSelector& pods, const std::vector<const Space*>& spaces) const;

  const LintWorld& world_;
  std::map<std::string, Space> spaces_;      // those that workloads live in
  std::set<std::string> names_, keys_;       // of these, and of their labels
  std::vector<const LintWorkload*> guests_;  // that no selector matches: without a network namespace of their own, or on the host's
};

}  // namespace bulkhead::lint

#endif  // BULKHEAD_CONTROLPLANE_LINT_CENSUS_H_

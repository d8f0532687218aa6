// SPDX-License-Identifier: Apache-2.0
// Small worlds and policies as text, and what lint says of them.
#ifndef BULKHEAD_TESTS_UNIT_LINT_SMALL_H_
#define BULKHEAD_TESTS_UNIT_LINT_SMALL_H_

#include <string>
#include <vector>

#include "controlplane/lint/lint.h"

namespace bulkhead::lint {

// Policies of a text that has no errors; of file "p.yaml".
PolicyDocuments Parse(const std::string& yaml);

// spec of a NetworkPolicy of namespace shop, or of a ClusterNetworkPolicy, on one line: "{podSelector: {}, ...}".
std::string Np(const std::string& name, const std::string& spec);
std::string Cnp(const std::string& name, const std::string& spec);

// One workload a line: "shop/web-0 app=web tier=front 198.18.0.1 port:http=8080/tcp", "host-network", "via:shop/web-0".
LintWorld World(const std::string& lines);

// "LINE severity check POLICY RULE" of each finding.
std::vector<std::string> Brief(const std::string& yaml, const LintWorld* world = nullptr);
std::vector<std::string> Brief(const std::string& yaml, const std::string& world);
// Only those of one check, without its name: "LINE severity POLICY RULE".
std::vector<std::string> Only(const std::string& check, const std::string& yaml, const std::string& world = "");
// The only finding of that check; a test failure when there is another number of them. world "": none.
Finding TheFinding(const std::string& check, const std::string& yaml, const std::string& world = "");

}  // namespace bulkhead::lint

#endif  // BULKHEAD_TESTS_UNIT_LINT_SMALL_H_

// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/lint/small.h"

#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/parse.h"
#include "gtest/gtest.h"

namespace bulkhead::lint {
namespace {

NamedPort NamedPortOf(const std::string& text) {  // "http=8080/tcp"
  const size_t equals = text.find('='), slash = text.find('/');
  return {text.substr(0, equals), ParseProtocol(text.substr(slash + 1)).value(),
          static_cast<uint16_t>(std::stoi(text.substr(equals + 1, slash - equals - 1)))};
}

std::string Document(const char* api, const char* kind, const std::string& meta, const std::string& spec) {
  return absl::StrCat("---\n{apiVersion: ", api, ", kind: ", kind, ", metadata: {", meta, "}, spec:\n", spec, "}\n");
}

Report Run(const std::string& yaml, const LintWorld* world) { return Lint(Parse(yaml), world); }

Report Run(const std::string& yaml, const std::string& world) {
  if (world.empty()) return Run(yaml, nullptr);
  const LintWorld made = World(world);
  return Run(yaml, &made);
}

std::string Text(const Finding& finding, bool check) {
  return absl::StrCat(finding.pos.line, " ", SeverityName(finding.severity), " ", check ? finding.check + " " : "", finding.policy,
                      finding.rule.empty() ? "" : " ", finding.rule);
}

}  // namespace

PolicyDocuments Parse(const std::string& yaml) {
  const PolicyFile file = ParsePolicies(yaml, "p.yaml");
  EXPECT_TRUE(file.errors.empty()) << absl::StrJoin(file.errors, "\n") << "\n" << yaml;
  return file.documents;
}

std::string Np(const std::string& name, const std::string& spec) {
  return Document("networking.k8s.io/v1", "NetworkPolicy", absl::StrCat("name: ", name, ", namespace: shop"), spec);
}

std::string Cnp(const std::string& name, const std::string& spec) {
  return Document("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", absl::StrCat("name: ", name), spec);
}

LintWorld World(const std::string& lines) {
  LintWorld world;
  std::istringstream all(lines);
  for (std::string line; std::getline(all, line);) {
    std::istringstream words(line);
    LintWorkload workload;
    words >> workload.name;
    workload.ns = workload.name.substr(0, workload.name.find('/'));
    for (std::string word; words >> word;) {
      if (word == "host-network") {
        workload.host_network = true;
      } else if (word.starts_with("via:")) {
        workload.via = word.substr(4);
      } else if (word.starts_with("port:")) {
        workload.named_ports.push_back(NamedPortOf(word.substr(5)));
      } else if (const auto address = IpAddress::Parse(word)) {
        workload.addresses.push_back(*address);
      } else {
        workload.labels[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
      }
    }
    world.workloads.push_back(std::move(workload));
  }
  return world;
}

std::vector<std::string> Brief(const std::string& yaml, const LintWorld* world) {
  std::vector<std::string> out;
  for (const Finding& finding : Run(yaml, world).findings) out.push_back(Text(finding, true));
  return out;
}

std::vector<std::string> Brief(const std::string& yaml, const std::string& world) {
  const LintWorld made = World(world);
  return Brief(yaml, &made);
}

std::vector<std::string> Only(const std::string& check, const std::string& yaml, const std::string& world) {
  std::vector<std::string> out;
  for (const Finding& finding : Run(yaml, world).findings) {
    if (finding.check == check) out.push_back(Text(finding, false));
  }
  return out;
}

Finding TheFinding(const std::string& check, const std::string& yaml, const std::string& world) {
  std::vector<Finding> found;
  for (const Finding& finding : Run(yaml, world).findings) {
    if (finding.check == check) found.push_back(finding);
  }
  EXPECT_EQ(found.size(), 1u) << check << "\n" << absl::StrJoin(Only(check, yaml, world), "\n");
  return found.empty() ? Finding() : found[0];
}

}  // namespace bulkhead::lint

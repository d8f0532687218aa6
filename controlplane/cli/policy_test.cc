// SPDX-License-Identifier: Apache-2.0
// bulkhead policy test: developers' unit test for policy. Needs neither a daemon nor root.
#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/cli/offline_input.h"
#include "controlplane/cli/verbs.h"
#include "controlplane/policy/probes.h"
#include "nlohmann/json.hpp"

namespace bulkhead::cli {
namespace {

struct TestOptions {
  std::vector<std::string> inventories;
  std::vector<std::string> policies;
  std::string probes;
  std::string output = "table";
};

struct TestInput {
  Inventory inventory;
  PolicyDocuments documents;
  std::vector<Probe> probes;
};

TestInput ReadInput(const TestOptions& options, std::vector<std::string>* errors) {
  TestInput input;
  input.inventory = ReadInventory(options.inventories, errors);
  input.documents = ReadPolicies(options.policies, errors);
  const auto probes = yaml::ReadFile(options.probes);
  if (probes.ok()) {
    input.probes = ParseProbes(*probes, options.probes, errors);
  } else {
    errors->emplace_back(probes.status().message());
  }
  return input;
}

// What only a policy in audit denies is let through.
bool Passes(const Probe& probe, const Answer& answer) { return !probe.expect_allow || *probe.expect_allow == !answer.drops(); }

const char* Word(bool allow) { return allow ? "allow" : "deny"; }
// Of an Answer, or of one side of it.
template <typename T>
const char* WordFor(const T& answer, bool allow) {
  return VerdictName(allow ? Verdict::kAllow : answer.drops() ? Verdict::kDeny : Verdict::kWouldDeny);
}
const char* Word(const Answer& answer) { return WordFor(answer, answer.allow()); }
const char* Word(const SideAnswer& side) { return WordFor(side, side.allow); }

nlohmann::ordered_json SideJson(const SideAnswer& side) {
  nlohmann::ordered_json policy;  // null when no policy decided
  if (!side.policy.empty()) policy = side.policy;
  return {{"verdict", Word(side)}, {"policy", policy}, {"rule", side.rule}};
}

void PrintJson(const std::vector<Probe>& probes, const std::vector<ProbeResult>& results) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (size_t i = 0; i < probes.size(); ++i) {
    const Probe& probe = probes[i];
    const Answer& answer = results[i].compiled;
    nlohmann::ordered_json port, expect;  // null when the protocol has none, or nothing is expected
    if (HasPorts(probe.protocol)) port = probe.port;
    if (probe.expect_allow) expect = Word(*probe.expect_allow);
    out.push_back({{"from", probe.from},
                   {"to", probe.to},
                   {"protocol", ProtocolName(probe.protocol)},
                   {"port", port},
                   {"verdict", Word(answer)},
                   {"egress", SideJson(answer.egress)},
                   {"ingress", SideJson(answer.ingress)},
                   {"expect", expect},
                   {"pass", Passes(probe, answer)}});
  }
  std::printf("%s\n", out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

std::string SideText(const SideAnswer& side) { return side.policy.empty() ? side.rule : side.policy + " " + side.rule; }

void PrintTable(const std::vector<Probe>& probes, const std::vector<ProbeResult>& results, size_t failed) {
  std::vector<std::vector<std::string>> rows = {{"FROM", "TO", "PORT", "VERDICT", "EXPECT", "RESULT", "EGRESS", "INGRESS"}};
  for (size_t i = 0; i < probes.size(); ++i) {
    const Probe& probe = probes[i];
    const Answer& answer = results[i].compiled;
    const std::string protocol = ProtocolName(probe.protocol);
    rows.push_back({probe.from, probe.to, HasPorts(probe.protocol) ? std::to_string(probe.port) + "/" + protocol : protocol,
                    Word(answer), probe.expect_allow ? Word(*probe.expect_allow) : "-",
                    Passes(probe, answer) ? "ok" : "FAILED", std::string(Word(answer.egress)) + " " + SideText(answer.egress),
                    std::string(Word(answer.ingress)) + " " + SideText(answer.ingress)});
  }
  std::vector<size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i) std::printf("%-*s  ", static_cast<int>(widths[i]), row[i].c_str());
    std::printf("%s\n", row.back().c_str());
  }
  std::printf("%zu probes: %zu as expected, %zu not\n", probes.size(), probes.size() - failed, failed);
}

void PrintDisagreement(const Probe& probe, const ProbeResult& result) {
  std::fprintf(stderr, "internal error: %s -> %s: compiled: egress %s %s, ingress %s %s; documents: egress %s %s, ingress %s %s\n",
               probe.from.c_str(), probe.to.c_str(), Word(result.compiled.egress), SideText(result.compiled.egress).c_str(),
               Word(result.compiled.ingress), SideText(result.compiled.ingress).c_str(), Word(result.evaluated.egress),
               SideText(result.evaluated.egress).c_str(), Word(result.evaluated.ingress),
               SideText(result.evaluated.ingress).c_str());
}

int RunTest(const TestOptions& options) {
  std::vector<std::string> errors;
  const TestInput input = ReadInput(options, &errors);
  if (!ReportInput(input.inventory, errors)) return kExitBadInput;

  const auto results = RunProbes(input.inventory, input.documents, input.probes);
  if (!results.ok()) {
    std::fprintf(stderr, "%s\n", std::string(results.status().message()).c_str());
    return kExitBadInput;
  }
  size_t failed = 0, disagreed = 0;
  for (size_t i = 0; i < results->size(); ++i) {
    const ProbeResult& result = (*results)[i];
    if (!(result.compiled == result.evaluated)) {
      PrintDisagreement(input.probes[i], result);
      ++disagreed;
    }
    if (!Passes(input.probes[i], result.compiled)) ++failed;
  }
  if (disagreed > 0) return kExitInternal;
  if (options.output == "json") {
    PrintJson(input.probes, *results);
  } else {
    PrintTable(input.probes, *results, failed);
  }
  return failed == 0 ? kExitDone : kExitNo;
}

}  // namespace

void AddPolicyTest(CLI::App& policy, int* exit_code) {
  auto options = std::make_shared<TestOptions>();
  CLI::App* test = policy.add_subcommand("test", "Judge probes by policy files and an inventory; needs no daemon and no root");
  test->add_option("--inventory", options->inventories, "Namespace, Node, Pod, Deployment, ... documents (YAML or JSON)")
      ->required();
  test->add_option("--policy", options->policies, "policy files, or folders of them")->required();
  test->add_option("--probes", options->probes, "probes: [{from, to, protocol, port, expect}]")->required();
  test->add_option("-o,--output", options->output, "table or json")->check(CLI::IsMember({"table", "json"}))->capture_default_str();
  test->footer(
      "Exit codes: 0 all expectations hold, 1 some do not, 2 invalid input.\n"
      "What only a policy in audit denies is shown as would-deny, and passes: expect allow.\n\n"
      "Example:\n"
      "  bulkhead policy test --inventory inventory.yaml --policy policies/ --probes probes.yaml\n\n"
      "A probe names workloads as namespace/name (replicas are NAME-0, NAME-1, ...) or gives an address:\n"
      "  probes:\n"
      "  - {from: shop/web-0, to: shop/db-0, protocol: tcp, port: 5432, expect: deny}");
  test->callback([options, exit_code] { *exit_code = RunTest(*options); });
}

}  // namespace bulkhead::cli

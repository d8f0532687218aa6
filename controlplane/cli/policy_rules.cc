// SPDX-License-Identifier: Apache-2.0
// bulkhead policy rules: what each rule has decided.
#include "bulkhead/api/rule.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/rows.h"

namespace bulkhead::cli {
namespace {

struct RulesOptions {
  Output output;
  Scope scope;
  std::string policy;
};

int RunRules(const Globals& globals, const RulesOptions& options) {
  ListRequest request{.path = api::kRulesPath};
  if (!options.scope.ns.empty()) request.query[api::kNamespace] = options.scope.ns;
  if (options.policy.find(':') != std::string::npos) {
    request.query[api::kPolicy] = options.policy;
  } else if (!options.policy.empty()) {
    const absl::StatusOr<ServiceArgument> name = ParseService(options.policy, options.scope.ns, "POLICY");
    if (!name.ok()) return Report(name.status());
    request.query[api::kPolicy] = name->ns + "/" + name->service;
  }
  api::ApiClient client(globals.socket);
  const std::vector<Column> columns = {"RULE", "ACTION", "FLOWS", "DENIED", "WOULD-DENY", "NAME", "FILE"};
  return Report(PrintRows<api::RuleRow>(client, request, options.output, columns, [](const api::RuleRow& row) {
    const auto count = [](uint64_t number, Colour colour) { return Cell(CountText(number), number == 0 ? Colour::kNone : colour); };
    return std::vector<Cell>{row.rule,          OrDash(row.action), CountText(row.flows), count(row.denied, Colour::kRed),
                             count(row.would_deny, Colour::kYellow), OrDash(row.name),  OrDash(row.place)};
  }));
}

}  // namespace

void AddPolicyRules(CLI::App& policy, Globals* globals) {
  auto options = std::make_shared<RulesOptions>();
  CLI::App* verb = AddVerb(policy, globals, "rules", "List the rules in force and what each has decided", options, RunRules);
  verb->add_option("POLICY", options->policy, "Only this one's: NAMESPACE/NAME, or NAME with -n; cnp:NAME, anp:NAME, banp:default")
      ->type_name("");
  AddScope(verb, &options->scope);
  AddOutput(verb, &options->output, false);
  verb->footer(
      "FLOWS were allowed by the rule for its side (the other side has a rule of its own), DENIED counts packets, WOULD-DENY flows that\n"
      "the rule denies and that passed because of the mode. A rule counts when a flow is opened, not when an open one is judged again;\n"
      "it keeps its counts while policy around it changes. A rule is known by its policy, direction and number.\n\n"
      "Examples:\n"
      "  bulkhead policy rules\n"
      "  bulkhead policy rules -n shop\n"
      "  bulkhead policy rules cnp:guard -o json");
}

}  // namespace bulkhead::cli

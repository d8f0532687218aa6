// SPDX-License-Identifier: Apache-2.0
// bulkhead explain FROM TO PORT/PROTO: of a daemon, or of policy files and an inventory.
#include "bulkhead/api/explain.h"

#include "absl/strings/str_cat.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/explain_offline.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/table.h"

namespace bulkhead::cli {
namespace {

struct ExplainOptions {
  Output output;
  std::string ns, from, to, port;
  std::vector<std::string> policies, inventories;
};

absl::StatusOr<api::Explanation> Ask(const Globals& globals, const ExplainOptions& options, const PortArgument& port) {
  if (!options.policies.empty())
    return ExplainOffline({options.policies, options.inventories, options.ns, options.from, options.to, port});
  api::ApiClient::Query query = {{api::kFrom, options.from}, {api::kTo, options.to}, {api::kProtocol, port.protocol}};
  if (port.port != 0) query[api::kPort] = absl::StrCat(port.port);
  if (!options.ns.empty()) query[api::kNamespace] = options.ns;
  return api::ApiClient(globals.socket).Get<api::Explanation>(api::kExplainPath, query);
}

int Run(const Globals& globals, const ExplainOptions& options) {
  const absl::StatusOr<PortArgument> port = ParsePort(options.port);
  if (!port.ok()) return Report(port.status());
  const absl::StatusOr<api::Explanation> answer = Ask(globals, options, *port);
  if (!answer.ok()) return Report(answer.status());
  if (options.output.json()) {
    std::printf("%s\n", api::DumpJsonIndented(api::ToJson(*answer)).c_str());
  } else {
    for (const std::string& line : answer->text) {
      const bool headline = &line == &answer->text.front();
      const size_t verdict = headline ? std::min(answer->verdict.size(), line.size()) : 0;
      std::printf("%s%s\n", Coloured(line.substr(0, verdict), ColourOf(answer->verdict)).c_str(),
                  Printable(std::string_view(line).substr(verdict)).c_str());
    }
  }
  return answer->verdict == "deny" ? kExitNo : kExitDone;
}

}  // namespace

void AddExplain(CLI::App& app, Globals* globals) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* verb = AddVerb(app, globals, "explain", "Explain the verdict for a connection", options, Run);
  verb->add_option("FROM", options->from, "Who connects: NAMESPACE/SERVICE, a workload's name or id, an IP address, host, world")
      ->required()
      ->type_name("");
  verb->add_option("TO", options->to, "To whom, likewise")->required()->type_name("");
  verb->add_option("PORT", options->port, "5432/tcp, tcp/5432, 5432 (tcp), icmp")->required()->type_name("");
  verb->add_option("-n,--namespace", options->ns, "Where to look for names without a namespace")->type_name("NAMESPACE");
  CLI::Option* policy =
      verb->add_option("--policy", options->policies, "Without a daemon: policy files, or folders of them")->type_name("PATH");
  CLI::Option* inventory =
      verb->add_option("--inventory", options->inventories, "With --policy: Namespace, Node, Pod, Deployment, ... documents")
          ->type_name("FILE");
  for (CLI::Option* option : {policy, inventory}) option->expected(1)->allow_extra_args(false)->take_all();
  policy->needs(inventory);
  inventory->needs(policy);
  AddOutput(verb, &options->output, false);
  verb->footer(
      "Exit code 1: the answer is deny. The first line's verdict takes the modes into account; the lines below are what policy "
      "says.\n\n"
      "Examples:\n"
      "  bulkhead explain shop/web shop/db 5432/tcp\n"
      "  bulkhead explain -n shop web db tcp/5432\n"
      "  bulkhead explain 198.18.0.9 shop/web-1 80 -o json\n"
      "  bulkhead explain --policy policies/ --inventory inventory.yaml shop/web shop/db 5432");
}

}  // namespace bulkhead::cli

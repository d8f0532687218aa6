// SPDX-License-Identifier: Apache-2.0
// bulkhead simulate: what the loaded programs would do with a packet.
#include "bulkhead/api/simulate.h"

#include <cstdio>
#include <fstream>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"
#include "controlplane/cli/pcap_reader.h"
#include "controlplane/cli/table.h"

namespace bulkhead::cli {
namespace {

constexpr size_t kMaxFile = 64 << 20;

struct SimulateOptions {
  Output output;
  std::string ns, from, to, port, pcap, endpoint, hook = "ingress";
  uint16_t source_port = 0;
};

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char block[65536];
  while (file.read(block, sizeof(block)) || file.gcount() > 0) {
    text.append(block, static_cast<size_t>(file.gcount()));
    if (text.size() > kMaxFile) return absl::InvalidArgumentError(absl::StrCat(path, ": larger than ", kMaxFile >> 20, " MiB"));
  }
  if (text.empty() && !file.eof()) return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be read"));
  return text;
}

absl::StatusOr<api::SimulateRequest> MakeRequest(const SimulateOptions& options) {
  api::SimulateRequest request;
  request.ns = options.ns;
  if (options.pcap.empty()) {
    if (options.from.empty() || options.to.empty() || options.port.empty())
      return absl::InvalidArgumentError("expected --from, --to and PORT, or --pcap and --endpoint");
    const absl::StatusOr<PortArgument> port = ParsePort(options.port);
    if (!port.ok()) return port.status();
    request.from = options.from;
    request.to = options.to;
    request.protocol = port->protocol;
    request.port = port->port;
    request.source_port = options.source_port;
    return request;
  }
  if (!options.port.empty()) return absl::InvalidArgumentError("--pcap: the packets say what they are; expected no PORT");
  request.endpoint = options.endpoint;
  request.hook = options.hook;
  const absl::StatusOr<std::string> file = ReadFile(options.pcap);
  if (!file.ok()) return file.status();
  const absl::StatusOr<std::vector<std::string>> packets = ReadPackets(*file, {api::kMaxSimulatedPackets, api::kMaxSimulatedBytes});
  if (!packets.ok()) return absl::InvalidArgumentError(absl::StrCat(options.pcap, ": ", std::string(packets.status().message())));
  if (packets->empty()) return absl::InvalidArgumentError(absl::StrCat(options.pcap, ": no packets"));
  for (const std::string& packet : *packets) request.packets.push_back(absl::BytesToHexString(packet));
  return request;
}

// "judged: allow by db ingress[0] (egress default, ingress shop/db ingress[0]); opens a flow"
std::string StepText(const api::SimulatedStep& step) {
  std::string text = step.path;
  if (!step.passed && step.verdict.empty()) return text;
  if (step.flow == "fast") return "established: by its flow's entry, straight to the receiver past its hook";
  if (step.path == "established") return step.flow == "quick" ? "established: by its flow's entry, the shortest way" : "established: by its flow's entry";
  if (step.path == "unjudged") return "unjudged: passes without policy";
  absl::StrAppend(&text, ": ", step.verdict);
  if (!step.reason.empty()) absl::StrAppend(&text, " (", step.reason, ")");
  if (step.path == "judged")
    absl::StrAppend(&text, " by ", step.rule, " (egress: ", step.egress_rule, "; ingress: ", step.ingress_rule, "), ", step.from, " -> ", step.to);
  if (step.flow == "new") text += "; opens a flow";
  if (step.flow == "again") text += "; its flow is judged again";
  return text;
}

void Print(const api::Simulation& simulation, bool numbered) {
  if (!simulation.sent.empty()) std::printf("%s   generation %llu\n", simulation.sent.c_str(), static_cast<unsigned long long>(simulation.generation));
  std::vector<Column> columns;
  if (numbered) columns.emplace_back("PACKET");
  for (const char* title : {"HOOK", "WORKLOAD", "OUTCOME", "PATH"}) columns.emplace_back(title);
  {
    Table table(columns);
    for (const api::SimulatedStep& step : simulation.steps) {
      std::vector<Cell> cells;
      if (numbered) cells.emplace_back(absl::StrCat(step.packet));
      const bool reached = step.path != "not reached";
      cells.emplace_back(step.hook);
      cells.emplace_back(step.workload + " " + step.interface);
      cells.emplace_back(!reached ? "-" : step.passed ? "passes" : "dropped", !reached ? Colour::kDim : step.passed ? Colour::kGreen : Colour::kRed);
      cells.emplace_back(StepText(step));
      table.Add(std::move(cells));
    }
  }
  if (numbered && simulation.dropped != 0)
    std::printf("%llu of %zu packets dropped\n", static_cast<unsigned long long>(simulation.dropped), simulation.steps.size());
}

int Run(const Globals& globals, const SimulateOptions& options) {
  const absl::StatusOr<api::SimulateRequest> request = MakeRequest(options);
  if (!request.ok()) return Report(request.status());
  api::ApiClient client(globals.socket);
  const absl::StatusOr<api::Simulation> simulation = client.Send<api::Simulation>("POST", api::kSimulatePath, *request);
  if (!simulation.ok()) return Report(simulation.status());
  if (options.output.json()) {
    std::printf("%s\n", api::DumpJsonIndented(api::ToJson(*simulation)).c_str());
  } else {
    Print(*simulation, !options.pcap.empty());
  }
  return simulation->passed ? kExitDone : kExitNo;
}

}  // namespace

void AddSimulate(CLI::App& app, Globals* globals) {
  auto options = std::make_shared<SimulateOptions>();
  CLI::App* verb = AddVerb(app, globals, "simulate", "Run the loaded programs on a packet that is not sent", options, Run);
  CLI::Option* from = verb->add_option("--from", options->from, "Who sends: NAMESPACE/SERVICE, a workload's name or id, an IP address, host")->type_name("WHO");
  CLI::Option* to = verb->add_option("--to", options->to, "To whom, likewise")->type_name("WHO");
  CLI::Option* port = verb->add_option("PORT", options->port, "5432/tcp, tcp/5432, 5432 (tcp), icmp")->type_name("");
  verb->add_option("--source-port", options->source_port, "Of a flow that is there: the packet is one of it (without it: a new one)")->type_name("PORT");
  CLI::Option* pcap = verb->add_option("--pcap", options->pcap, "Packets of this file (pcap or pcapng, Ethernet)")->type_name("FILE")->excludes(from)->excludes(to)->excludes(port);
  CLI::Option* endpoint = verb->add_option("--endpoint", options->endpoint, "With --pcap: the workload at whose hook they are seen")->type_name("WHO")->needs(pcap);
  pcap->needs(endpoint);
  verb->add_option("--hook", options->hook, "With --pcap: ingress, where the workload's packets come from; egress, where they are delivered to it")
      ->check(CLI::IsMember({"ingress", "egress"}))
      ->capture_default_str()
      ->needs(pcap);
  verb->add_option("-n,--namespace", options->ns, "Where to look for names without a namespace")->type_name("NAMESPACE");
  AddOutput(verb, &options->output, false);
  verb->footer(
      "The kernel runs the programs that hold the workloads, with the policy in force, on a copy: no flow, counter or event of the\n"
      "host changes. PATH: established (by its flow's entry), judged (by policy), refused (before policy, with the reason), unjudged\n"
      "(ARP and the like). With --pcap each packet sees what those before it have left; a fragment whose first one is not in the file\n"
      "is a stray. Exit code 1: a packet is dropped.\n\n"
      "Examples:\n"
      "  bulkhead simulate --from shop/web --to shop/db 5432/tcp\n"
      "  bulkhead simulate -n shop --from web-1 --to db-1 icmp -o json\n"
      "  bulkhead simulate --pcap odd.pcapng --endpoint shop/web-1");
}

}  // namespace bulkhead::cli

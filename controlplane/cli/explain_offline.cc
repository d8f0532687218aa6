// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/explain_offline.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/api/explained.h"
#include "controlplane/cli/offline_input.h"
#include "controlplane/policy/offline.h"

namespace bulkhead::cli {
namespace {

absl::StatusOr<std::vector<End>> FindEnds(const OfflineWorld& world, const std::string& text, const std::string& ns) {
  if (text == "world") return std::vector<End>{End{}};
  const bool has_namespace = text.find('/') != std::string::npos;
  std::vector<End> ends = world.FindAll(has_namespace || ns.empty() ? text : absl::StrCat(ns, "/", text));
  if (ends.empty()) ends = world.FindAll(text);  // an address
  if (!ends.empty()) return ends;
  const std::string nearest = world.Nearest(has_namespace ? text : absl::StrCat(ns, "/", text));
  return absl::InvalidArgumentError(absl::StrCat("found \"", text,
                                                 "\", expected NAMESPACE/NAME of the inventory, an IP address or world",
                                                 nearest.empty() ? "" : absl::StrCat(" (did you mean ", nearest, "?)")));
}

std::string NameOf(const InventoryWorkload& workload) { return absl::StrCat(workload.ns, "/", workload.name); }

api::ExplainedParty Show(const End& end, const std::optional<IpAddress>& address, const std::string& asked) {
  api::ExplainedParty out;
  // A workload of its node's network is its node's address here, under the name that was asked for.
  const bool is_name = asked != "world" && !IpAddress::Parse(asked);
  out.name = end.workload ? NameOf(*end.workload) : is_name ? asked : "world";
  if (end.workload) out.workload = out.name;
  if (address) out.address = address->ToString();
  return out;
}

void AddNotes(const std::vector<End>& ends, const End& chosen, const std::string& asked, api::Explanation* out) {
  if (!chosen.workload && asked != "world" && !IpAddress::Parse(asked)) {
    const std::string address = chosen.addresses.empty() ? "none" : chosen.addresses.front().ToString();
    out->notes.push_back(absl::StrCat(asked, " uses its node's network: it is judged as its node's address (", address, ")"));
  }
  const bool differ = std::any_of(ends.begin(), ends.end(), [&](const End& end) { return end.identity != chosen.identity; });
  if (differ) {
    out->notes.push_back(absl::StrCat("workloads of ", asked, " differ in their labels; this is about ",
                                      chosen.workload ? NameOf(*chosen.workload) : asked));
  }
}

absl::StatusOr<api::Explanation> ExplainIn(const OfflineWorld& world, const PolicyDocuments& documents,
                                           const OfflineQuestion& asked) {
  const uint8_t protocol = *ParseProtocol(asked.port.protocol);  // ParsePort gives no other
  const auto sources = FindEnds(world, asked.from, asked.ns);
  if (!sources.ok()) return sources.status();
  const auto destinations = FindEnds(world, asked.to, asked.ns);
  if (!destinations.ok()) return destinations.status();
  const End& from = sources->front();
  const auto another =
      std::find_if(destinations->begin(), destinations->end(), [&](const End& end) { return end.workload != from.workload; });
  const End& to = another == destinations->end() ? destinations->front() : *another;

  const Connection connection = OfflineWorld::Connect(from, to, protocol, asked.port.port);
  const bulkhead::Explanation policy = Explain(world.Ask(documents, {}, connection));
  api::Explanation out;
  out.from = Show(from, connection.source, asked.from);
  out.to = Show(to, connection.destination, asked.to);
  out.protocol = ProtocolName(protocol);
  out.port = asked.port.port;
  api::AddPolicy(policy, &out);
  AddNotes(*sources, from, asked.from, &out);
  if (asked.to != asked.from) AddNotes(*destinations, to, asked.to, &out);
  api::RenderText(policy, false, &out);
  return out;
}

}  // namespace

absl::StatusOr<api::Explanation> ExplainOffline(const OfflineQuestion& question) {
  std::vector<std::string> errors;
  const Inventory inventory = ReadInventory(question.inventories, &errors);
  const PolicyDocuments documents = ReadPolicies(question.policies, &errors);
  for (const std::string& warning : inventory.warnings) std::fprintf(stderr, "%s\n", Printable(warning).c_str());
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
  return ExplainIn(OfflineWorld(inventory), documents, question);
}

}  // namespace bulkhead::cli

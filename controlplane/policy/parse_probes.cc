// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "controlplane/policy/parse_parts.h"
#include "controlplane/policy/probes.h"

namespace bulkhead {
namespace {

using yaml::Node;

std::string ReadParty(const ParseContext& context, yaml::Fields* fields, const char* name, SourcePos* pos) {
  const std::string text = fields->String(name, yaml::Fields::kRequired);
  const Node* node = fields->Get(name);
  if (!node || !yaml::IsString(*node)) return text;
  *pos = context.Pos(*node);
  const size_t slash = text.find('/');
  const bool named =
      slash != std::string::npos && slash != 0 && slash + 1 < text.size() && text.find('/', slash + 1) == std::string::npos;
  if (!named && !IpAddress::Parse(text)) {
    context.Error(*node, absl::StrCat(name, ": found ", yaml::Quote(text), ", expected namespace/name or an IP address"));
  }
  return text;
}

Probe ReadProbe(const ParseContext& context, const Node& node) {
  Probe probe;
  auto fields = context.Fields(node, "probe");
  probe.from = ReadParty(context, &fields, "from", &probe.from_pos);
  probe.to = ReadParty(context, &fields, "to", &probe.to_pos);
  if (const Node* protocol = fields.Get("protocol")) {
    const auto parsed = ParseProtocol(protocol->scalar);
    if (parsed) {
      probe.protocol = *parsed;
    } else {
      context.Error(*protocol, absl::StrCat("protocol: found ", yaml::Describe(*protocol), ", expected tcp, udp, sctp or icmp"));
    }
  }
  if (HasPorts(probe.protocol)) {
    probe.port = static_cast<uint16_t>(fields.Integer("port", 1, 65535, 0, yaml::Fields::kRequired));
  } else if (const Node* port = fields.Get("port")) {
    context.Error(*port, absl::StrCat("port: found ", yaml::Describe(*port), ", expected none: icmp has no ports"));
  }
  if (const Node* expect = fields.Get("expect")) {
    if (expect->scalar == "allow" || expect->scalar == "deny") {
      probe.expect_allow = expect->scalar == "allow";
    } else {
      context.Error(*expect, absl::StrCat("expect: found ", yaml::Describe(*expect), ", expected allow or deny"));
    }
  }
  fields.Finish();
  return probe;
}

}  // namespace

std::vector<Probe> ParseProbes(std::string_view text, const std::string& file, std::vector<std::string>* errors) {
  std::vector<Probe> probes;
  const auto documents = yaml::Parse(text, file);
  if (!documents.ok()) {
    errors->emplace_back(documents.status().message());
    return probes;
  }
  if (documents->empty()) errors->push_back(file + ":1:1: found nothing, expected a map with the field probes");
  const ParseContext context{file, errors};
  for (const Node& document : *documents) {
    auto fields = context.Fields(document, "");
    fields.Get("probes", yaml::Fields::kRequired);
    for (const Node& item : fields.Items("probes")) probes.push_back(ReadProbe(context, item));
    fields.Finish();
  }
  return probes;
}

}  // namespace bulkhead

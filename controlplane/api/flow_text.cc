// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/flow_text.h"

#include <charconv>

namespace bulkhead::api {
namespace {

constexpr size_t kMaxRulePairs = 65'536;  // remembered

void AppendNumber(uint64_t number, std::string* out) {
  char digits[20];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), number);
  out->append(digits, end);
}

// Text that needs no escape.
void AppendPlain(std::string_view text, std::string* out) {
  out->push_back('"');
  out->append(text);
  out->push_back('"');
}

void AppendQuotedAddress(const IpAddress& address, std::string* out) {
  out->push_back('"');
  AppendAddress(address, out);
  out->push_back('"');
}

void AppendV4(const uint8_t* bytes, std::string* out) {
  char text[16];
  char* at = text;
  for (int i = 0; i < 4; ++i) {
    if (i != 0) *at++ = '.';
    at = std::to_chars(at, text + sizeof(text), bytes[i]).ptr;
  }
  out->append(text, at);
}

// The longest run of zero groups, of two at least, the first of equals (RFC 5952, 4.2).
struct ZeroRun {
  int first = -1, end = -1;
};
ZeroRun LongestZeroRun(const uint16_t (&groups)[8]) {
  ZeroRun longest;
  for (int i = 0; i < 8; ++i) {
    int end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > 1 && end - i > longest.end - longest.first) longest = {i, end};
    if (end > i) i = end;
  }
  return longest;
}

void AppendV6(const IpAddress& address, std::string* out) {
  uint16_t groups[8];
  for (size_t i = 0; i < 8; ++i) groups[i] = static_cast<uint16_t>(address.bytes[2 * i] << 8 | address.bytes[2 * i + 1]);
  const ZeroRun zeros = LongestZeroRun(groups);
  // inet_ntop writes addresses that hold an IPv4 one with dots.
  const bool mapped = zeros.first == 0 && (zeros.end == 6 || (zeros.end == 5 && groups[5] == 0xffff));
  char text[40];
  char* at = text;
  for (int i = 0; i < (mapped ? 6 : 8); ++i) {
    if (i == zeros.first) {
      *at++ = ':';
      if (zeros.end == 8) *at++ = ':';
      i = zeros.end - 1;
      continue;
    }
    if (i != 0) *at++ = ':';
    at = std::to_chars(at, text + sizeof(text), groups[i], 16).ptr;
  }
  if (mapped) *at++ = ':';
  out->append(text, at);
  if (mapped) AppendV4(&address.bytes[12], out);
}

}  // namespace

void AppendAddress(const IpAddress& address, std::string* out) {
  if (address.IsV4())
    AppendV4(address.bytes.data(), out);
  else
    AppendV6(address, out);
}

const FlowText::Party& FlowText::PartyOf(IdentityId identity) {
  const auto [at, added] = parties_.try_emplace(identity);
  if (added) {
    Party& party = at->second;
    party.name = names_.Party(identity);
    party.json = DumpJson(party.name);
    party.wanted = query_.WantsParties(party.name, party.name);
  }
  return at->second;
}

bool FlowText::Wants(const FlowRecord& flow, const Moment& now) {
  if (query_.verdict && flow.verdict != *query_.verdict) return false;
  if (query_.since_ms != 0 && AgeMs(now.boottime_ns, flow.last_seen) > query_.since_ms) return false;
  if (query_.ns.empty() && query_.service.empty()) return true;
  const bool from = PartyOf(flow.source_identity).wanted;
  const bool to = PartyOf(flow.destination_identity).wanted;
  // With both a namespace and a service, one side may be the namespace's and the other the service.
  if (from || to || query_.ns.empty() || query_.service.empty()) return from || to;
  return query_.WantsParties(names_.Party(flow.source_identity), names_.Party(flow.destination_identity));
}

const std::string& FlowText::WorkloadJson(uint16_t slot, const IpAddress& address) {
  const Workload* workload = names_.FindWorkload(slot);
  if (workload == nullptr) workload = names_.FindWorkload(address);
  const auto [at, added] = workloads_.try_emplace(workload);
  if (added) at->second = DumpJson(workload == nullptr ? "" : WorkloadNameOf(*workload));
  return at->second;
}

const std::string& FlowText::RulesJson(const FlowRecord& flow) {
  if (rules_.size() >= kMaxRulePairs) rules_.clear();
  const auto [at, added] = rules_.try_emplace(RuleKey{flow.source_rule, flow.destination_rule, flow.verdict});
  if (added) {
    at->second = ",\"rule\":" + DumpJson(names_.DecidingRule(flow.source_rule, flow.destination_rule, flow.verdict)) +
                 ",\"egress_rule\":" + DumpJson(names_.RuleKey(flow.source_rule)) +
                 ",\"ingress_rule\":" + DumpJson(names_.RuleKey(flow.destination_rule));
  }
  return at->second;
}

void FlowText::Append(const FlowRecord& flow, const Moment& now, std::string_view change, std::string* out) {
  out->append("{\"source\":\"flow\",\"from\":").append(PartyOf(flow.source_identity).json);
  out->append(",\"to\":").append(PartyOf(flow.destination_identity).json);
  out->append(",\"from_workload\":").append(WorkloadJson(flow.source_slot, flow.source));
  out->append(",\"to_workload\":").append(WorkloadJson(flow.destination_slot, flow.destination));
  out->append(",\"from_address\":"), AppendQuotedAddress(flow.source, out);
  out->append(",\"to_address\":"), AppendQuotedAddress(flow.destination, out);
  out->append(",\"from_port\":"), AppendNumber(flow.source_port, out);
  out->append(",\"to_port\":"), AppendNumber(flow.destination_port, out);
  out->append(",\"protocol\":"), AppendPlain(ProtocolName(flow.protocol), out);
  out->append(",\"port\":"), AppendNumber(flow.service_port, out);
  out->append(",\"verdict\":"), AppendPlain(VerdictName(flow.verdict), out);
  out->append(",\"state\":"), AppendPlain(FlowStateName(flow.state), out);
  out->append(",\"packets_to\":"), AppendNumber(flow.packets[0], out);
  out->append(",\"packets_back\":"), AppendNumber(flow.packets[1], out);
  out->append(",\"bytes_to\":"), AppendNumber(flow.bytes[0], out);
  out->append(",\"bytes_back\":"), AppendNumber(flow.bytes[1], out);
  out->append(",\"flows\":0,\"age_ms\":"), AppendNumber(AgeMs(now.boottime_ns, flow.first_seen), out);
  out->append(",\"idle_ms\":"), AppendNumber(AgeMs(now.boottime_ns, flow.last_seen), out);
  out->append(RulesJson(flow)).append(",\"reason\":\"\"");
  if (!change.empty()) out->append(",\"change\":"), AppendPlain(change, out);
  out->push_back('}');
}

}  // namespace bulkhead::api

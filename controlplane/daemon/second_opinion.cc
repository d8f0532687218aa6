// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/second_opinion.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/reference/verdict.h"

namespace bulkhead {
namespace {

IpAddress EventAddress(uint8_t family, const uint8_t (&bytes)[16]) {
  IpAddress address;
  address.family = family == BH_V6 ? 6 : 4;
  std::memcpy(address.bytes.data(), bytes, address.IsV4() ? 4 : 16);
  return address;
}

std::string IdentityText(IdentityId id) {
  switch (id) {
    case kIdentityUnknown: return "unknown";
    case kIdentityHost: return "host";
    case kIdentityWorld: return "world";
    default: return absl::StrCat("identity ", id);
  }
}

std::string FlowText(const GivenVerdict& given) {
  return absl::StrCat(given.source.address.ToString(), " -> ", given.destination.address.ToString(), " ", given.port, "/",
                      ProtocolName(given.protocol));
}

std::string RulesText(const CompiledPolicy& policy, uint32_t egress, uint32_t ingress) {
  const auto name = [&policy](uint32_t id) {
    const auto rule = std::find_if(policy.rules.begin(), policy.rules.end(), [id](const RuleInfo& info) { return info.id == id; });
    return rule == policy.rules.end() ? absl::StrCat("rule number ", id) : rule->key;
  };
  return absl::StrCat(name(egress), " and ", name(ingress));
}

// Who has the addresses that are asked for.
class Residents {
 public:
  Residents(const std::vector<GivenVerdict>& verdicts, const InForce& in_force) : in_force_(in_force) {
    for (const GivenVerdict& verdict : verdicts) {
      if (verdict.stamp != in_force.stamp) continue;
      holders_[verdict.source.address];
      holders_[verdict.destination.address];
    }
    if (holders_.empty()) return;
    for (const auto& [slot, endpoint] : *in_force.endpoints) {
      if (!endpoint.bound) continue;
      for (const IpAddress& address : endpoint.addresses) {
        if (const auto at = holders_.find(address); at != holders_.end()) at->second.push_back(slot);
      }
    }
  }

  struct Who {
    SubjectId subject = kSubjectUnknown;
    uint32_t workload = 0;  // as EndpointState has it; 0: none
  };

  // nullopt: it cannot be said beyond doubt who it was; *why then says why.
  std::optional<Who> Find(const GivenEnd& end, std::string* why) const {
    const std::vector<uint16_t>& holders = holders_.at(end.address);
    const std::vector<IpAddress>& hosts = *in_force_.host_addresses;
    const bool host = std::find(hosts.begin(), hosts.end(), end.address) != hosts.end();
    const CompiledPolicy& policy = *in_force_.policy;
    if (end.identity >= kFirstIdentity) {
      const bool other = end.slot != 0 && !holders.empty() && holders.front() != end.slot;
      if (holders.size() != 1 || host || other) return Skip("an address that is not the workload's own", why);
      const EndpointState& endpoint = in_force_.endpoints->at(holders.front());
      const auto family = [&end](const IpAddress& address) { return address.family == end.address.family; };
      if (std::count_if(endpoint.addresses.begin(), endpoint.addresses.end(), family) != 1) return Skip("several addresses", why);
      const std::optional<SubjectId> subject = policy.FindSubject(endpoint.identity, end.address);
      return subject ? Who{*subject, endpoint.workload} : Skip("a workload that is new", why);
    }
    if (end.identity == kIdentityUnknown || !holders.empty()) return Skip("not known who it was", why);
    if (end.identity == kIdentityWorld) {
      return host ? Skip("the host for the world", why) : Who{policy.WorldSubject(end.address)};
    }
    if (!host) return Skip("not known who it was", why);
    return Who{policy.FindSubject(kIdentityHost, end.address).value_or(kSubjectHost)};
  }

 private:
  static std::optional<Who> Skip(const char* reason, std::string* why) {
    *why = reason;
    return std::nullopt;
  }

  const InForce& in_force_;
  std::map<IpAddress, std::vector<uint16_t>> holders_;
};

Opinion CompareWithRuling(const GivenVerdict& given, const reference::Ruling& ruling, const CompiledPolicy& policy) {
  if (ruling.source != given.source.identity || ruling.destination != given.destination.identity) {
    return {Opinion::Kind::kDisagrees,
            absl::StrCat(FlowText(given), ": taken for ", IdentityText(given.source.identity), " -> ",
                         IdentityText(given.destination.identity), "; it is ", IdentityText(ruling.source), " -> ",
                         IdentityText(ruling.destination))};
  }
  if (ruling.verdict == given.verdict && ruling.source_rule == given.source.rule && ruling.destination_rule == given.destination.rule) {
    return {};
  }
  return {Opinion::Kind::kDisagrees,
          absl::StrCat(FlowText(given), ": the dataplane said ", VerdictName(given.verdict), " by ",
                       RulesText(policy, given.source.rule, given.destination.rule), "; the compiled policy says ",
                       VerdictName(ruling.verdict), " by ", RulesText(policy, ruling.source_rule, ruling.destination_rule))};
}

Judged JudgeOne(const GivenVerdict& given, const InForce& in_force, const Residents& residents) {
  Judged out;
  out.given = given;
  out.opinion.kind = Opinion::Kind::kSkipped;
  if (given.stamp != in_force.stamp) {
    out.opinion.text = "from before a change";
    return out;
  }
  const std::optional<Residents::Who> source = residents.Find(given.source, &out.opinion.text);
  if (!source) return out;
  const std::optional<Residents::Who> destination = residents.Find(given.destination, &out.opinion.text);
  if (!destination) return out;
  const CompiledPolicy& policy = *in_force.policy;
  out.generation = policy.generation;
  out.source_mode = policy.subjects[source->subject].mode;
  out.destination_mode = policy.subjects[destination->subject].mode;
  out.self = source->workload != 0 && source->workload == destination->workload;
  const reference::Ruling ruling = out.self ? reference::RuleOfSelf(policy, source->subject, destination->subject)
                                            : reference::Rule(policy, source->subject, destination->subject, given.protocol, given.port);
  out.opinion = CompareWithRuling(given, ruling, policy);
  return out;
}

}  // namespace

GivenVerdict VerdictOf(const FlowRecord& flow) {
  GivenVerdict out;
  out.source = {flow.source, flow.source_identity, flow.source_rule, flow.source_slot};
  out.destination = {flow.destination, flow.destination_identity, flow.destination_rule, flow.destination_slot};
  out.protocol = flow.protocol;
  out.port = flow.service_port;
  out.stamp = flow.stamp;
  out.verdict = flow.verdict;
  return out;
}

std::optional<GivenVerdict> VerdictOf(const bh_event& event) {
  if (event.reason != BH_REASON_POLICY || event.family == 0 || event.hook == BH_HOOK_UPLINK) return std::nullopt;
  GivenVerdict out;
  out.source = {EventAddress(event.family, event.source), event.source_identity, event.source_rule, event.source_slot};
  out.destination = {EventAddress(event.family, event.destination), event.destination_identity, event.destination_rule,
                     event.destination_slot};
  out.protocol = event.protocol;
  out.port = HasPorts(event.protocol) ? event.destination_port : uint16_t{0};
  out.stamp = event.stamp;
  out.verdict = event.verdict == BH_DENY ? Verdict::kDeny : Verdict::kWouldDeny;
  return out;
}

std::vector<Judged> AskReference(const std::vector<GivenVerdict>& verdicts, const InForce& in_force) {
  const Residents residents(verdicts, in_force);
  std::vector<Judged> out;
  out.reserve(verdicts.size());
  for (const GivenVerdict& verdict : verdicts) out.push_back(JudgeOne(verdict, in_force, residents));
  return out;
}

}  // namespace bulkhead

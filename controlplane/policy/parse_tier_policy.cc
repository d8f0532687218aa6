// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/parse_tier_policy.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/parse_tier_parts.h"

namespace bulkhead {
namespace {

using yaml::Node;

constexpr size_t kMaxRuleName = 100;  // characters

std::optional<RuleAction> ParseAction(const ParseContext& context, yaml::Fields* fields, const std::string& what, PolicyKind kind) {
  const std::string word = fields->String("action", yaml::Fields::kRequired);
  const Node* node = fields->Get("action");
  if (!node || !yaml::IsString(*node)) return std::nullopt;
  const bool baseline = kind == PolicyKind::kBaselineAdminNetworkPolicy;
  std::vector<std::string> words;
  for (const RuleAction action : {RuleAction::kAccept, RuleAction::kDeny, RuleAction::kPass}) {
    if (action == RuleAction::kPass && baseline) break;
    words.emplace_back(ActionWord(kind, action));
    if (word == words.back()) return action;
  }
  const std::string lower = absl::AsciiStrToLower(word);
  const bool other_word = lower == "accept" || lower == "allow";  // each is right in the other version of the API
  const std::string expected = baseline ? words[0] + " or Deny" : words[0] + ", Deny or Pass";
  context.Error(*node, absl::StrCat(what, ".action: found ", yaml::Quote(word), ", expected ", expected,
                                    other_word ? absl::StrCat(" (did you mean ", words[0], "?)") : NearestHint(word, words)));
  return std::nullopt;
}

std::string ParseRuleName(const ParseContext& context, yaml::Fields* fields, const std::string& what) {
  std::string name = fields->String("name");
  const auto first_byte = [](char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u; };  // UTF-8
  if (static_cast<size_t>(std::count_if(name.begin(), name.end(), first_byte)) > kMaxRuleName) {
    context.Error(*fields->Get("name"),
                  absl::StrCat(what, ".name: found ", yaml::Quote(name), ", expected at most ", kMaxRuleName, " characters"));
  }
  return name;
}

bool HasNoNamedPorts(const PolicyPeer& peer) { return peer.node_selector || !peer.networks.empty() || !peer.domain_names.empty(); }

void CheckPortNames(const ParseContext& context, const PolicyRule& rule, const std::string& what) {
  if (std::none_of(rule.peers.begin(), rule.peers.end(), HasNoNamedPorts)) return;
  for (const PolicyPort& port : rule.ports) {
    if (port.name.empty()) continue;
    context.Error(port.pos, absl::StrCat(what, ": found the port's name ", yaml::Quote(port.name),
                                         " together with nodes, networks or domainNames, expected a number: only pods name ports"));
  }
}

// The API document: "only supported for Accept rules".
void CheckDomainNames(const ParseContext& context, const PolicyRule& rule, const std::string& what, PolicyKind kind) {
  if (rule.action == RuleAction::kAccept) return;
  for (const PolicyPeer& peer : rule.peers) {
    if (peer.domain_names.empty()) continue;
    context.Error(peer.pos, absl::StrCat(what, ": found domainNames with the action ", ActionWord(kind, rule.action), ", expected ",
                                         ActionWord(kind, RuleAction::kAccept)));
  }
}

PolicyRule ParseTierRule(const ParseContext& context, const Node& node, const std::string& what, PolicyKind kind,
                         Direction direction) {
  PolicyRule rule;
  rule.pos = context.Pos(node);
  const char* peers_name = direction == Direction::kIngress ? "from" : "to";
  const char* ports_name = kind == PolicyKind::kClusterNetworkPolicy ? "protocols" : "ports";
  auto fields = context.Fields(node, what);
  rule.name = ParseRuleName(context, &fields, what);
  const std::optional<RuleAction> action = ParseAction(context, &fields, what, kind);
  rule.action = action.value_or(RuleAction::kDeny);
  fields.Get(peers_name, yaml::Fields::kRequired);
  const std::vector<Node>& peers = ParseItems(context, &fields, what, peers_name, 1, MaxItems(kind));
  for (size_t i = 0; i < peers.size(); ++i) {
    const std::string here = absl::StrCat(what, ".", peers_name, "[", i, "]");
    rule.peers.push_back(ParseTierPeer(context, peers[i], here, kind, direction));
  }
  const std::vector<Node>& ports = ParseItems(context, &fields, what, ports_name, 1, MaxItems(kind));
  for (size_t i = 0; i < ports.size(); ++i) {
    rule.ports.push_back(ParseTierPort(context, ports[i], absl::StrCat(what, ".", ports_name, "[", i, "]"), kind));
  }
  fields.Finish();
  CheckPortNames(context, rule, what);
  if (action) CheckDomainNames(context, rule, what, kind);
  return rule;
}

Tier ParseTier(const ParseContext& context, yaml::Fields* fields) {
  const std::string word = fields->String("tier", yaml::Fields::kRequired);
  const Node* node = fields->Get("tier");
  if (word == TierName(Tier::kBaseline)) return Tier::kBaseline;
  if (node && yaml::IsString(*node) && word != TierName(Tier::kAdmin)) {
    context.Error(*node, absl::StrCat("spec.tier: found ", yaml::Quote(word), ", expected Admin or Baseline",
                                      NearestHint(word, {"Admin", "Baseline"})));
  }
  return Tier::kAdmin;
}

void ParseTierSpec(const ParseContext& context, const Node& node, Policy* policy) {
  auto fields = context.Fields(node, "spec");
  policy->tier = policy->kind == PolicyKind::kBaselineAdminNetworkPolicy ? Tier::kBaseline : Tier::kAdmin;
  if (policy->kind == PolicyKind::kClusterNetworkPolicy) policy->tier = ParseTier(context, &fields);
  policy->priority = kLastPriority;
  if (policy->kind != PolicyKind::kBaselineAdminNetworkPolicy) {
    policy->priority = static_cast<int>(fields.Integer("priority", 0, kLastPriority - 1, 0, yaml::Fields::kRequired));
  }
  if (const Node* subject = fields.Get("subject", yaml::Fields::kRequired)) ParseSubject(context, *subject, policy);
  for (const Direction direction : {Direction::kIngress, Direction::kEgress}) {
    const char* name = DirectionName(direction);
    std::vector<PolicyRule>* rules = direction == Direction::kIngress ? &policy->ingress : &policy->egress;
    for (const Node& item : ParseItems(context, &fields, "spec", name, 0, MaxItems(policy->kind))) {
      const std::string here = absl::StrCat("spec.", name, "[", rules->size(), "]");
      rules->push_back(ParseTierRule(context, item, here, policy->kind, direction));
    }
  }
  fields.Finish();
}

}  // namespace

Policy ParseTierPolicy(const ParseContext& context, const Node& node, PolicyKind kind) {
  Policy policy;
  policy.kind = kind;
  policy.pos = context.Pos(node);
  auto fields = context.Fields(node, "");
  for (const char* known : {"apiVersion", "kind", "status"}) fields.Ignore(known);
  ParseMeta(context, node, fields.Get("metadata"), &policy);
  if (const Node* spec = fields.Get("spec", yaml::Fields::kRequired)) ParseTierSpec(context, *spec, &policy);
  fields.Finish();
  return policy;
}

}  // namespace bulkhead

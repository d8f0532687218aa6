// SPDX-License-Identifier: Apache-2.0
// What the backends of a stage keep, compared.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <sstream>
#include <string_view>

#include "tests/packet/stage.h"

namespace bulkhead::packet_test {
namespace {

// A multiset of lines: what differs shows as lines that only one has.
using Lines = std::vector<std::string>;
constexpr size_t kMostShown = 8;

std::string Describe(const FlowKey& key, const Flow& flow) {
  std::ostringstream out;
  out << ProtocolName(key.protocol) << " zone " << key.zone;
  for (const int side : {0, 1}) {
    out << " [" << key.address[side].ToString() << " " << key.port[side] << " ifindex " << flow.ifindex[side] << " slot "
        << flow.slot[side] << " packets " << flow.packets[side] << " bytes " << flow.bytes[side] << (flow.fin[side] ? " fin" : "")
        << "]";
  }
  out << " opener " << flow.opener << " state " << flow.state << (flow.linked ? " linked" : "") << (flow.heard ? " heard" : "")
      << (flow.midstream ? " midstream" : "") << " " << flow.ruling.source << " -> " << flow.ruling.destination << " "
      << VerdictName(flow.ruling.verdict) << " rules " << flow.ruling.source_rule << " " << flow.ruling.destination_rule
      << " service " << flow.service_port;
  return out.str();
}

std::string Describe(const EdgeRecord& edge) {
  std::ostringstream out;
  out << edge.source_identity << " -> " << edge.destination_identity << " " << edge.port << "/" << ProtocolName(edge.protocol)
      << " " << VerdictName(edge.verdict) << " peer " << edge.peer.ToString() << " flows " << edge.flows << " answered "
      << edge.answered << " denied " << edge.denied << " workloads " << edge.source_workloads << " "
      << edge.destination_workloads;
  return out.str();
}

std::string Describe(const StagedEdgeRecord& edge) {
  return "staged " + std::string(VerdictName(edge.staged)) + " rules " + std::to_string(edge.source_rule) + " " +
         std::to_string(edge.destination_rule) + ": " + Describe(edge.edge);
}

std::string Describe(const bh_event& event) {
  static constexpr const char* kReasons[] = BH_REASON_NAMES;
  const auto address = [&](const uint8_t* bytes) {
    IpAddress out;
    out.family = event.family == 6 ? 6 : 4;
    std::copy_n(bytes, 16, out.bytes.begin());
    return out.ToString();
  };
  std::ostringstream out;
  out << kReasons[event.reason] << " " << VerdictName(static_cast<Verdict>(event.verdict)) << " hook " << int{event.hook}
      << " ifindex " << event.ifindex << " zone " << event.zone << " type " << event.ethertype << " family " << int{event.family}
      << " " << address(event.source) << " " << event.source_port << " -> " << address(event.destination) << " "
      << event.destination_port << "/" << int{event.protocol} << " flags " << int{event.tcp_flags} << " identities "
      << event.source_identity << " " << event.destination_identity << " rules " << event.source_rule << " "
      << event.destination_rule << " slots " << event.source_slot << " " << event.destination_slot << " length " << event.length;
  return out.str();
}

void ExpectSame(Lines first, Lines second, const std::string& what, const std::string& names) {
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  Lines only_first, only_second;
  std::set_difference(first.begin(), first.end(), second.begin(), second.end(), std::back_inserter(only_first));
  std::set_difference(second.begin(), second.end(), first.begin(), first.end(), std::back_inserter(only_second));
  if (only_first.empty() && only_second.empty()) return;
  std::string text;
  const auto add = [&](const Lines& lines, const std::string& whose) {
    for (size_t i = 0; i < std::min(lines.size(), kMostShown); ++i) text += "\n  " + whose + lines[i];
    if (lines.size() > kMostShown) text += "\n  " + whose + "and " + std::to_string(lines.size() - kMostShown) + " more";
  };
  add(only_first, "first only:  ");
  add(only_second, "second only: ");
  ADD_FAILURE() << what << " differ, " << names << text;
}

Lines FlowLines(Runner& runner) {
  Lines lines;
  const auto flows = runner.Flows();
  EXPECT_TRUE(flows.ok()) << flows.status();
  if (!flows.ok()) return lines;
  for (const auto& [key, flow] : *flows) lines.push_back(Describe(key, flow));
  return lines;
}

Lines EdgeLines(Runner& runner) {
  Lines lines;
  const auto status = runner.backend().ReadEdges([&](const EdgeRecord& edge) {
    lines.push_back(Describe(edge));
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return lines;
}

Lines StagedEdgeLines(Runner& runner) {
  Lines lines;
  const auto status = runner.backend().ReadStagedEdges([&](const StagedEdgeRecord& edge) {
    lines.push_back(Describe(edge));
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return lines;
}

Lines EventLines(Runner& runner) {
  Lines lines;
  const auto status = runner.backend().DrainEvents([&](const bh_event& event) { lines.push_back(Describe(event)); });
  EXPECT_TRUE(status.ok()) << status;
  return lines;
}

std::string Describe(const bh_dns_answer& answer) {
  const std::string_view data(reinterpret_cast<const char*>(answer.data), std::min(answer.length, BH_DNS_BYTES));
  const std::string_view server(reinterpret_cast<const char*>(answer.server), sizeof(answer.server));
  return "DNS answer of " + std::to_string(std::hash<std::string_view>()(server)) + " (IPv" + std::to_string(answer.family) +
         ") to interface " + std::to_string(answer.ifindex) + ", " + std::to_string(answer.length) + " bytes, hash " +
         std::to_string(std::hash<std::string_view>()(data));
}

Lines CounterLines(Runner& runner, const std::vector<uint64_t>& before) {
  Lines lines;
  const auto counters = runner.backend().ReadCounters();
  EXPECT_TRUE(counters.ok()) << counters.status();
  if (!counters.ok()) return lines;
  for (size_t i = 0; i < counters->size(); ++i) {
    if (i == BH_COUNTER_FLOWS_FAST) continue;  // the reference knows no fast path
    if (i == BH_COUNTER_CAPTURES_LOST) continue;  // the reference takes no captures
    if ((*counters)[i] != before[i])
      lines.push_back("counter " + std::to_string(i) + ": " + std::to_string((*counters)[i] - before[i]));
  }
  return lines;
}

Lines RuleLines(Runner& runner, std::map<uint32_t, RuleCounts> before) {
  Lines lines;
  const auto rules = runner.backend().ReadRules();
  EXPECT_TRUE(rules.ok()) << rules.status();
  if (!rules.ok()) return lines;
  for (const auto& [rule, counts] : *rules) {
    const RuleCounts& was = before[rule];
    if (counts == was) continue;
    lines.push_back("rule " + std::to_string(rule) + ": flows " + std::to_string(counts.flows - was.flows) + " denied " +
                    std::to_string(counts.denied - was.denied) + " would-deny " + std::to_string(counts.would_deny - was.would_deny));
  }
  return lines;
}

}  // namespace

void Stage::Compare() {
  const Lines flows = FlowLines(*runners_[0]), edges = EdgeLines(*runners_[0]), events = EventLines(*runners_[0]),
              counters = CounterLines(*runners_[0], counters_[0]), staged = StagedEdgeLines(*runners_[0]),
              rules = RuleLines(*runners_[0], rules_[0]);
  for (size_t i = 1; i < runners_.size(); ++i) {
    const std::string names = runners_[0]->name() + " and " + runners_[i]->name();
    ExpectSame(flows, FlowLines(*runners_[i]), "flows", names);
    ExpectSame(edges, EdgeLines(*runners_[i]), "edges", names);
    ExpectSame(staged, StagedEdgeLines(*runners_[i]), "staged edges", names);
    ExpectSame(rules, RuleLines(*runners_[i], rules_[i]), "rules", names);
    ExpectSame(events, EventLines(*runners_[i]), "events", names);
    ExpectSame(counters, CounterLines(*runners_[i], counters_[i]), "counters", names);
  }
  (void)Answers();
}

void Stage::TakeIdleEdges(uint64_t seen_before, uint64_t unanswered_before,
                          const std::function<void(const EdgeRecord&)>& callback) {
  for (const auto& runner : runners_) {
    const auto status = runner->backend().TakeIdleEdges(seen_before, unanswered_before, [&](const EdgeRecord& edge) {
      if (runner == runners_[0]) callback(edge);
    });
    EXPECT_TRUE(status.ok()) << status;
  }
}

std::vector<bh_dns_answer> Stage::Answers() {
  std::vector<bh_dns_answer> first;
  Lines first_lines;
  for (const auto& runner : runners_) {
    Lines lines;
    const auto status = runner->backend().DrainAnswers([&](const bh_dns_answer& answer) {
      if (runner == runners_[0]) first.push_back(answer);
      lines.push_back(Describe(answer));
    });
    EXPECT_TRUE(status.ok()) << status;
    if (runner == runners_[0]) first_lines = lines;
    ExpectSame(first_lines, lines, "DNS answers", runners_[0]->name() + " and " + runner->name());
  }
  return first;
}

}  // namespace bulkhead::packet_test

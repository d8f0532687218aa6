// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/escapes.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"

namespace bulkhead::learn {
namespace {

// One bit for each port.
using Bits = std::vector<bool>;

// What subjects say of each other on all ports, worked out once for each pair of rulesets.
class Table {
 public:
  Table(const CompiledPolicy& policy, const std::set<PortKey>& ports) : policy_(policy), ports_(ports.begin(), ports.end()) {}

  const Bits& Of(SubjectId source, SubjectId destination) {
    const CompiledSubject &from = policy_.subjects[source], &to = policy_.subjects[destination];
    const auto [at, fresh] = known_.try_emplace({RulesetOf(Direction::kEgress, from, to), RulesetOf(Direction::kIngress, to, from)});
    if (!fresh) return at->second;
    for (const auto& [protocol, port] : ports_) {
      const Judgement judged = Judge(policy_, source, destination, protocol, port);
      at->second.push_back((judged.source.allow || judged.source.audit) && (judged.destination.allow || judged.destination.audit));
    }
    return at->second;
  }
  const std::vector<PortKey>& ports() const { return ports_; }

 private:
  static constexpr uint32_t kNoRuleset = UINT32_MAX;

  uint32_t RulesetOf(Direction direction, const CompiledSubject& own, const CompiledSubject& peer) const {
    return own.row == kNoRow ? kNoRuleset : policy_.matrix[static_cast<size_t>(direction)][own.row][peer.class_id];
  }

  const CompiledPolicy& policy_;
  const std::vector<PortKey> ports_;
  absl::flat_hash_map<std::pair<uint32_t, uint32_t>, Bits> known_;
};

using Subjects = std::map<ServiceName, std::set<SubjectId>>;

// One subject of each class will do: classes are what rules can tell apart.
Subjects SubjectsOf(const Evidence& evidence, const EvidenceJudge& judge, const std::set<ServiceName>& services) {
  std::map<ServiceName, std::map<ClassId, SubjectId>> by_class;
  for (size_t i = 0; i < evidence.parties.size(); ++i) {
    if (!evidence.parties[i].IsService() || !services.contains(evidence.parties[i].Name())) continue;
    for (const SubjectId subject : judge.Subjects(i)) {
      by_class[evidence.parties[i].Name()].try_emplace(judge.policy().subjects[subject].class_id, subject);
    }
  }
  Subjects out;
  for (const auto& [service, classes] : by_class) {
    for (const auto& [id, subject] : classes) out[service].insert(subject);
  }
  std::map<ClassId, SubjectId> world;
  world.try_emplace(judge.policy().subjects[kSubjectWorld].class_id, kSubjectWorld);
  for (const auto& [prefix, subject] : judge.policy().world_prefixes) {
    world.try_emplace(judge.policy().subjects[subject].class_id, subject);
  }
  for (const auto& [id, subject] : world) out[kWorldName].insert(subject);
  return out;
}

Bits Allowed(const std::set<SubjectId>& sources, const std::set<SubjectId>& destinations, Table* table) {
  Bits out(table->ports().size());
  for (const SubjectId source : sources) {
    for (const SubjectId destination : destinations) {
      const Bits& bits = table->Of(source, destination);
      for (size_t i = 0; i < out.size(); ++i) out[i] = out[i] || bits[i];
    }
  }
  return out;
}

bool IsWider(const Escape& a, const Escape& b) {
  if (a.ports.size() != b.ports.size()) return a.ports.size() > b.ports.size();
  return std::tie(a.source, a.destination) < std::tie(b.source, b.destination);
}

void Add(const PairCounts& pair, PairCounts* sum) {
  sum->possible += pair.possible;
  sum->allowed += pair.allowed;
  sum->escaped += pair.escaped;
}

}  // namespace

Escapes FindEscapes(const Evidence& evidence, const EvidenceJudge& judge, const std::set<ServiceName>& services,
                    const std::set<PortKey>& ports, const std::set<UseKey>& used, size_t most) {
  const Subjects subjects = SubjectsOf(evidence, judge, services);
  Table table(judge.policy(), ports);
  Escapes out;
  for (const auto& [source, sources] : subjects) {
    for (const auto& [destination, destinations] : subjects) {
      if (source == kWorldName && destination == kWorldName) continue;
      const Bits allowed = Allowed(sources, destinations, &table);
      Escape escape{source, destination, {}};
      PairCounts pair{allowed.size(), 0, 0};
      for (size_t i = 0; i < allowed.size(); ++i) {
        if (!allowed[i]) continue;
        ++pair.allowed;
        const auto& [protocol, port] = table.ports()[i];
        if (!used.contains({source, destination, protocol, port})) escape.ports.push_back(table.ports()[i]);
      }
      pair.escaped = escape.ports.size();
      Add(pair, &out.total);
      if (source != kWorldName) Add(pair, &out.services[source]);
      if (source != destination && destination != kWorldName) Add(pair, &out.services[destination]);
      if (escape.ports.empty()) continue;
      out.pairs.push_back(std::move(escape));
      if (out.pairs.size() < 2 * most) continue;
      std::nth_element(out.pairs.begin(), out.pairs.begin() + static_cast<std::ptrdiff_t>(most), out.pairs.end(), IsWider);
      out.pairs.resize(most);
    }
  }
  std::sort(out.pairs.begin(), out.pairs.end(), IsWider);
  if (out.pairs.size() > most) out.pairs.resize(most);
  return out;
}

}  // namespace bulkhead::learn

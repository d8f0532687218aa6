// SPDX-License-Identifier: Apache-2.0
// What must hold for every two policies: the diff tells exactly what asking both about everything tells.
#include <cstdlib>
#include <set>

#include "absl/strings/str_cat.h"
#include "controlplane/diff/diff.h"
#include "controlplane/policy/print.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"
#include "rapidcheck/gtest.h"
#include "tests/unit/policy/random_world.h"

namespace bulkhead {
namespace {

const bool kMoreDiffs = [] { return setenv("RC_PARAMS", "max_success=500", 0) == 0; }();

struct Case {
  CompileInput before, after;
  PolicyPair pair;
};

Mode RandomMode() { return static_cast<Mode>(Draw(3)); }

// Two policies for one population. Some are the same but for one policy, as when people edit; services have one, two or three
// identities.
Case RandomCase() {
  Case out;
  out.before = RandomInput();
  for (KnownIdentity& known : out.before.identities) {
    known.identity.service = absl::StrCat("s", Draw(3));
    known.mode = RandomMode();
  }
  out.after = out.before;
  if (Draw(2) == 0) {
    auto edited = std::make_shared<PolicyDocuments>(*out.before.documents);
    const size_t count = edited->policies.size();
    if (count > 0) edited->policies.erase(edited->policies.begin() + Draw(static_cast<int>(count)));
    out.after.documents = edited;
  } else {
    out.after.documents = std::make_shared<PolicyDocuments>(RandomDocuments());
  }
  if (Draw(4) == 0) {
    for (KnownIdentity& known : out.after.identities) known.mode = RandomMode();
  }
  absl::StatusOr<PolicyPair> pair = CompilePair(out.before, out.after);
  RC_ASSERT(pair.ok());
  out.pair = *std::move(pair);
  return out;
}

// As the dataplane puts it together; not by the code under test.
std::string Ask(const CompiledPolicy& policy, SubjectId from, SubjectId to, uint8_t protocol, uint16_t port) {
  const Judgement judgement = Judge(policy, from, to, protocol, port);
  const auto denies = [&](const SideVerdict& side) { return !side.allow && !side.audit; };
  const auto drops = [&](const SideVerdict& side, SubjectId own) {
    return denies(side) && policy.subjects[own].mode == Mode::kEnforce;
  };
  const auto reports = [&](const SideVerdict& side, SubjectId own) {
    return denies(side) && policy.subjects[own].mode == Mode::kAudit;
  };
  if (drops(judgement.source, from) || drops(judgement.destination, to)) return "denied, enforced";
  if (reports(judgement.source, from) || reports(judgement.destination, to)) return "would be denied, audit";
  if (denies(judgement.source) || denies(judgement.destination)) return "would be denied, learn";
  if (!judgement.allow()) return "would be denied, policy in audit";
  return "allowed";
}

// Every protocol and port at which any ruleset may begin to say something else.
std::set<std::pair<uint8_t, uint16_t>> AllBorders(const PolicyPair& pair) {
  std::set<std::pair<uint8_t, uint16_t>> out = {{kProtoIcmp, 0}, {47, 0}};
  for (const CompiledPolicy* policy : {pair.before.get(), pair.after.get()}) {
    for (const Ruleset& ruleset : policy->rulesets) {
      for (const PortInterval& interval : ruleset.intervals) {
        out.insert({interval.protocol, 0});
        out.insert({interval.protocol, interval.first});
        if (interval.last < 65535) out.insert({interval.protocol, static_cast<uint16_t>(interval.last + 1)});
      }
    }
  }
  return out;
}

bool Holds(const PortSet& ports, uint8_t protocol, uint16_t port) {
  const bool in = std::any_of(ports.ranges.begin(), ports.ranges.end(), [&](const PortRange& range) {
    return range.protocol == protocol && range.first <= port && port <= range.last;
  });
  return in != ports.all_but;
}

// Subjects by party as rows name them, but for the part.
std::map<std::string, std::set<SubjectId>> Subjects(const Case& random) {
  const CompiledPolicy& policy = *random.pair.before;
  std::map<std::string, std::set<SubjectId>> out;
  out["unknown"] = {kSubjectUnknown};
  for (const IpAddress& address : random.before.host_addresses) out["host"].insert(*policy.FindSubject(kIdentityHost, address));
  if (random.before.host_addresses.empty()) out["host"] = {kSubjectHost};
  for (SubjectId i = 0; i < policy.subjects.size(); ++i) {
    if (policy.subjects[i].identity == kIdentityWorld) out["world"].insert(i);
  }
  // An address that is somebody's is never the world's.
  const auto take = [&](const IpAddress& address) {
    const auto prefix = policy.cidrs.Find(Prefix::Host(address));
    if (prefix) out["world"].erase(policy.world_prefixes[*prefix].second);
  };
  std::for_each(random.before.host_addresses.begin(), random.before.host_addresses.end(), take);
  for (const KnownIdentity& known : random.before.identities) {
    auto& subjects = out[known.identity.ns + "/" + known.identity.service];
    subjects.insert(*policy.FindSubject(known.identity.id));
    for (const IpAddress& address : known.addresses) {
      subjects.insert(*policy.FindSubject(known.identity.id, address));
      take(address);
    }
  }
  return out;
}

bool IsPartOf(const std::string& text, const std::string& party) { return text == party || text.starts_with(party + " "); }

RC_GTEST_PROP(DiffProperty, TellsWhatAskingTells, ()) {
  RC_ASSERT(kMoreDiffs);
  const Case random = RandomCase();
  DiffOptions options;
  options.max_rows = 1'000'000;
  options.rule_rows = true;
  const absl::StatusOr<PolicyDiff> diff = DiffPolicies(random.pair, random.before, {}, options);
  RC_ASSERT(diff.ok());
  RC_ASSERT(diff->rows.size() == diff->changed());
  RC_ASSERT(diff->rule_rows.size() == diff->rule_changes);
  RC_LOG() << PrintPolicies(*random.before.documents) << "=====\n" << PrintPolicies(*random.after.documents);
  const auto parties = Subjects(random);
  const auto borders = AllBorders(random.pair);
  for (const auto& [from, sources] : parties) {
    for (const auto& [to, destinations] : parties) {
      std::vector<const DiffRow*> rows;
      for (const DiffRow& row : diff->rows) {
        if (IsPartOf(row.from, from) && IsPartOf(row.to, to)) rows.push_back(&row);
      }
      for (const auto& [protocol, port] : borders) {
        std::set<std::string> asked, told;
        size_t changed = 0;
        for (const SubjectId source : sources) {
          for (const SubjectId destination : destinations) {
            const std::string was = Ask(*random.pair.before, source, destination, protocol, port);
            const std::string is = Ask(*random.pair.after, source, destination, protocol, port);
            if (was != is) asked.insert(was + " -> " + is);
            changed += was != is ? 1 : 0;
          }
        }
        bool whole = false;
        for (const DiffRow* row : rows) {
          if (!Holds(row->ports, protocol, port)) continue;
          told.insert(absl::StrCat(OutcomeText(row->before), " -> ", OutcomeText(row->after)));
          whole = whole || (row->from == from && row->to == to);
        }
        RC_LOG() << from << " " << to << " " << int{protocol} << " " << port << "\n";
        RC_ASSERT(asked == told);
        // A row that names all of both sides means all of both.
        if (whole) RC_ASSERT(changed == sources.size() * destinations.size());
      }
    }
  }
}

RC_GTEST_PROP(DiffProperty, OfAPolicyWithItselfIsEmpty, ()) {
  const CompileInput input = RandomInput();
  const absl::StatusOr<PolicyPair> pair = CompilePair(input, input);
  RC_ASSERT(pair.ok());
  const absl::StatusOr<PolicyDiff> diff = DiffPolicies(*pair, input, {});
  RC_ASSERT(diff.ok());
  RC_ASSERT(diff->rows.empty() && diff->changed() == 0u && diff->rule_changes == 0u);
}

RC_GTEST_PROP(DiffProperty, BackwardsIsItsMirror, ()) {
  const Case random = RandomCase();
  DiffOptions options;
  options.rule_rows = true;
  const absl::StatusOr<PolicyPair> back = CompilePair(random.after, random.before);
  RC_ASSERT(back.ok());
  const absl::StatusOr<PolicyDiff> there_diff = DiffPolicies(random.pair, random.before, {}, options);
  absl::StatusOr<PolicyDiff> back_diff = DiffPolicies(*back, random.after, {}, options);
  RC_ASSERT(there_diff.ok() && back_diff.ok());
  RC_ASSERT(there_diff->allowed == back_diff->denied && there_diff->denied == back_diff->allowed);
  RC_ASSERT(there_diff->others == back_diff->others && there_diff->rule_changes == back_diff->rule_changes);
  const auto key = [](const DiffRow& row, bool mirror) {
    const std::string was = absl::StrCat(OutcomeText(row.before), " ", RuleText(row.before_rule), row.before_rule.pos.ToString());
    const std::string is = absl::StrCat(OutcomeText(row.after), " ", RuleText(row.after_rule), row.after_rule.pos.ToString());
    return absl::StrCat(row.from, ",", row.to, ",", PortSetText(row.ports, 1000), ",", mirror ? is : was, ",", mirror ? was : is);
  };
  for (const auto rows : {&PolicyDiff::rows, &PolicyDiff::rule_rows}) {
    std::multiset<std::string> there_rows, back_rows;
    for (const DiffRow& row : (*there_diff).*rows) there_rows.insert(key(row, false));
    for (const DiffRow& row : (*back_diff).*rows) back_rows.insert(key(row, true));
    RC_ASSERT(there_rows == back_rows);
  }
}

// However few rows are shown, the counts are of all, and the rows are the first ones.
RC_GTEST_PROP(DiffProperty, CountsWhatItDoesNotShow, ()) {
  const Case random = RandomCase();
  DiffOptions options;
  options.max_rows = 1'000'000;
  const absl::StatusOr<PolicyDiff> all = DiffPolicies(random.pair, random.before, {}, options);
  options.max_rows = 3;
  const absl::StatusOr<PolicyDiff> few = DiffPolicies(random.pair, random.before, {}, options);
  RC_ASSERT(all.ok() && few.ok());
  RC_ASSERT(few->changed() == all->rows.size() && few->rule_changes == all->rule_changes);
  RC_ASSERT(few->rows ==
            std::vector<DiffRow>(all->rows.begin(), all->rows.begin() + static_cast<std::ptrdiff_t>(few->rows.size())));
  RC_ASSERT(few->rows.size() == std::min<size_t>(3, all->rows.size()));
}

}  // namespace
}  // namespace bulkhead

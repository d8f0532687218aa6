// SPDX-License-Identifier: Apache-2.0
// Verbs that change something, usage, exit codes, completion.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/unit/cli/program.h"

namespace bulkhead::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kPolicy[] = R"(apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}}
)";

class VerbsTest : public ProgramTest {};

TEST_F(VerbsTest, ApplyPrintsChangesAndNotes) {
  Start();
  Write("policies/b.yaml", kPolicy);
  Write("policies/a.yml", "x");
  Write("policies/ignored.txt", "x");
  const Outcome outcome = Run("policy apply policies --mode audit --confirm 1m30s");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "shop/db: created\n"
            "note: shop/db is in mode audit: nothing is dropped\n"
            "generation 42\n"
            "reverts in 90s unless you say: bulkhead confirm\n");
  EXPECT_THAT(Run("policy apply - --dry-run", kPolicy).out, HasSubstr("dry run: nothing changed, generation 42 stays"));
  EXPECT_THAT(service_.calls(), ElementsAre("apply policies/a.yml(1) policies/b.yaml(137) mode=audit confirm=90 dry_run=0",
                                            "apply stdin(137) mode=- confirm=0 dry_run=1"));
}

TEST_F(VerbsTest, ARefusedPolicyIsPrintedAsEditorsReadIt) {
  service_.change = absl::InvalidArgumentError("db.yaml:14:9: unknown field \"podSelecter\"; nothing changed, generation 41 stays");
  Start();
  Write("db.yaml", kPolicy);
  const Outcome outcome = Run("policy apply db.yaml");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.err, "db.yaml:14:9: unknown field \"podSelecter\"; nothing changed, generation 41 stays\n");
  EXPECT_EQ(outcome.out, "");
  service_.change = absl::FailedPreconditionError("another change waits to be confirmed");
  const Outcome refused = Run("policy apply db.yaml");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_EQ(refused.err, "bulkhead: another change waits to be confirmed\n");
  EXPECT_EQ(Run("policy apply missing.yaml").exit_code, 2);
  EXPECT_EQ(Run("policy apply db.yaml --mode strict").exit_code, 2);
  EXPECT_EQ(Run("policy apply db.yaml --confirm soon").exit_code, 2);
}

TEST_F(VerbsTest, ValidateNeedsNoDaemon) {
  Write("good.yaml", kPolicy);
  Write("bad.yaml", std::string(kPolicy) + "  podSelecter: {}\n");
  const Outcome good = Run("policy validate good.yaml");
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_EQ(good.out, "good.yaml: valid: shop/db\n");
  const Outcome bad = Run("policy validate bad.yaml good.yaml -o json");
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(bad.err, ::testing::StartsWith("bad.yaml:"));
  EXPECT_EQ(nlohmann::json::parse(bad.out)["valid"], false);
  EXPECT_EQ(Run("policy validate good.yaml good.yaml").exit_code, 2) << "two objects of one name";
  EXPECT_EQ(Run("policy validate -", kPolicy).out, "stdin: valid: shop/db\n");
}

TEST_F(VerbsTest, ValidateKnowsEveryKind) {
  const std::string policy =
      "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: guard}\n"
      "spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Accept, to: [";
  const Outcome good = Run("policy validate -", policy + "{nodes: {}}]}]}\n");
  EXPECT_EQ(good.out, "stdin: valid: cnp:guard\n");
  EXPECT_EQ(good.err, "");
  const Outcome names = Run("policy validate -", policy + "{domainNames: [a.example]}]}]}\n");
  EXPECT_EQ(names.exit_code, 0);
  EXPECT_EQ(names.err, "stdin:4:92: warning: domainNames are not supported yet: the policy cannot be applied\n");
  EXPECT_EQ(Run("policy validate -", policy + "{domainNames: []}]}]}\n").exit_code, 2);
}

TEST_F(VerbsTest, PoliciesAreListedAndShown) {
  service_.rules = {{testing::kDbIngress0, {12, 0, 0}},
                    {testing::kDbIsolated, {0, 14000, 3}},
                    {testing::kDefaultRule, {15, 0, 0}},
                    {77, {1, 1, 1}}};
  Start();
  EXPECT_EQ(Run("policy list").out,
            "POLICY   TIER           SELECTOR  DIRECTIONS  RULES  WORKLOADS  MODE  FILE\n"
            "shop/db  NetworkPolicy  app=db    ingress     1      3          -     policies.d/db.yaml:1\n");
  const Outcome shown = Run("policy show shop/db");
  EXPECT_THAT(shown.out, HasSubstr("# selects 3 workloads: shop/db-1, shop/db-2, shop/db-3\n"));
  EXPECT_THAT(shown.out,
              HasSubstr("# ingress[0]: 12 flows, 0 denied, 0 would-deny\n# ingress isolated: 0 flows, 14k denied, 3 would-deny\n"));
  EXPECT_THAT(shown.out, HasSubstr("port: 5432"));
  EXPECT_EQ(Run("policy rules").out,
            "RULE                      ACTION  FLOWS  DENIED  WOULD-DENY  NAME  FILE\n"
            "shop/db ingress[0]        accept  12     0       0           -     policies.d/db.yaml:11:5\n"
            "shop/db ingress isolated  deny    0      14k     3           -     policies.d/db.yaml:1:1\n"
            "default                   -       15     0       0           -     -\n");
  const nlohmann::json rules = nlohmann::json::parse(Run("policy rules -n shop db -o json").out, nullptr, false);
  ASSERT_EQ(rules.size(), 2u) << rules;
  EXPECT_EQ(rules[1]["denied"], 14000);
  EXPECT_EQ(nlohmann::json::parse(Run("policy show shop/db -o json").out, nullptr, false)["rules"], rules);
  EXPECT_EQ(Run("policy rules -n other").out, "RULE  ACTION  FLOWS  DENIED  WOULD-DENY  NAME  FILE\n");
  EXPECT_EQ(Run("policy rules shop/nosuch").exit_code, 2);
  EXPECT_EQ(Run("policy validate -", shown.out).exit_code, 0) << "what is shown is a policy";
  EXPECT_EQ(Run("policy show -n shop nosuch").exit_code, 2);
  EXPECT_EQ(Run("policy show nosuch").exit_code, 2);
  EXPECT_EQ(Run("policy delete -n shop db").exit_code, 0);
  EXPECT_EQ(Run("policy delete cnp:guard").exit_code, 0);
  EXPECT_THAT(service_.calls(), ElementsAre("delete shop/db", "delete cnp:guard"));
}

// What is in no namespace goes by its kind; policies in audit are told from others.
TEST_F(VerbsTest, PoliciesOfTheTiersAndInAuditAreListed) {
  auto view = std::make_shared<View>(*service_.GetView());
  auto documents = std::make_shared<PolicyDocuments>(*view->documents);
  documents->policies[0].audit = true;
  Policy guard;
  guard.kind = PolicyKind::kClusterNetworkPolicy;
  guard.tier = Tier::kAdmin;
  guard.priority = 7;
  guard.name = "guard";
  guard.namespace_selector.match_labels = {{"kubernetes.io/metadata.name", "shop"}};
  guard.egress.emplace_back().action = RuleAction::kDeny;
  guard.egress[0].peers.emplace_back().namespace_selector.emplace();
  guard.pos = {"policies.d/guard.yaml", 2, 1};
  documents->policies.push_back(guard);
  view->documents = documents;
  service_.SetView(view);
  Start();
  EXPECT_EQ(
      Run("policy list").out,
      "POLICY     TIER           SELECTOR                                            DIRECTIONS  RULES  WORKLOADS  MODE   FILE\n"
      "cnp:guard  Admin 7        all in namespaces kubernetes.io/metadata.name=shop  egress      1      5          -      "
      "policies.d/guard.yaml:2\n"
      "shop/db    NetworkPolicy  app=db                                              ingress     1      3          audit  "
      "policies.d/db.yaml:1\n");
  const Outcome shown = Run("policy get cnp:guard");
  EXPECT_THAT(shown.out, HasSubstr("kind: ClusterNetworkPolicy"));
  EXPECT_EQ(Run("policy validate -", shown.out).exit_code, 0);
  EXPECT_EQ(Run("policy get anp:guard").exit_code, 2);
  const Outcome services = Run("services -o json");
  EXPECT_THAT(services.out, HasSubstr("cnp:guard"));
}

TEST_F(VerbsTest, ModesAreSetByWhatTheTargetIs) {
  Start();
  EXPECT_EQ(Run("mode set shop enforce --confirm 60s").exit_code, 0);
  EXPECT_EQ(Run("mode set db audit").exit_code, 0);
  EXPECT_EQ(Run("mode set new/service audit --force").exit_code, 0);
  EXPECT_EQ(Run("mode set -n new learn").exit_code, 0);
  EXPECT_EQ(Run("mode set -n new svc inherit").exit_code, 0);
  EXPECT_EQ(Run("mode set --global audit").exit_code, 0);
  EXPECT_EQ(Run("confirm").exit_code, 0);
  EXPECT_THAT(service_.calls(),
              ElementsAre("readiness shop", "mode ns=shop service= mode=enforce confirm=60",
                          "mode ns=shop service=db mode=audit confirm=0", "mode ns=new service=service mode=audit confirm=0",
                          "mode ns=new service= mode=learn confirm=0", "mode ns=new service=svc mode=inherit confirm=0",
                          "readiness ", "mode ns= service= mode=audit confirm=0", "confirm"));
  for (const char* bad : {"mode set enforce", "mode set nosuch enforce", "mode set shop strict", "mode set --global shop audit",
                          "mode set", "mode set / audit", "mode"}) {
    EXPECT_EQ(Run(bad).exit_code, 2) << bad;
  }
}

TEST_F(VerbsTest, AStricterModeWaitsUntilTheServiceIsReady) {
  service_.readiness.clear();
  Start();
  const Outcome refused = Run("mode set new/service audit");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("new/service: nothing of it was observed"));
  EXPECT_THAT(refused.err, HasSubstr("--force"));
  EXPECT_THAT(service_.calls(), ElementsAre("readiness new/service")) << "nothing is changed";
  EXPECT_EQ(Run("mode set new/service audit --force").exit_code, 0);
}

TEST_F(VerbsTest, ModesAreShown) {
  Start();
  EXPECT_EQ(Run("mode get").out,
            "SCOPE    NAMESPACE  SERVICE  MODE     SET-BY\n"
            "global   -          -        learn    global\n"
            "service  shop       api      learn    global\n"
            "service  shop       db       enforce  service\n"
            "service  shop       web      learn    global\n");
  EXPECT_THAT(Run("mode get shop/db").out, HasSubstr("service  shop       db       enforce  service\n"));
  EXPECT_EQ(Run("mode get nosuch").exit_code, 2);
}

TEST_F(VerbsTest, ProposalsAreWrittenWithTheirCoverage) {
  service_.proposals = {{"shop", "db", kPolicy, 200, 200, 1}, {"shop", "../web", "kind: x\n", 14, 14, 2}};
  Start();
  const Outcome outcome = Run("learn propose shop --dir made/new");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("covers 214/214 answered flows; 3 set aside\n"));
  EXPECT_EQ(Read("made/new/shop.networkpolicy.db.yaml"), kPolicy);
  EXPECT_EQ(Read("made/new/shop.networkpolicy..._web.yaml"), "kind: x\n") << "a service's name leads nowhere else";
  EXPECT_EQ(Run("learn propose -n shop db").out,
            absl::StrCat(kPolicy, "---\nkind: x\n# covers 214/214 answered flows; 3 set aside\n"));
  EXPECT_THAT(service_.calls(), ElementsAre("propose shop", "propose shop/db"));
}

TEST_F(VerbsTest, AProposalsKindAndFormAreChecked) {
  service_.proposals = {{"shop", "db", kPolicy, 200, 200, 1}};
  Start();
  EXPECT_EQ(Run("learn propose shop --kind networkpolicy").exit_code, 0);
  EXPECT_EQ(Run("learn propose shop --kind NetworkPolicy").exit_code, 0);
  EXPECT_EQ(Run("learn propose shop --kind ciliumnetworkpolicy").exit_code, 2);
}

api::Replay SomeReplay() {
  api::Replay replay;
  replay.first_seen_unix = 1'700'000'000;
  replay.last_seen_unix = 1'700'003'600;
  replay.services = 2;
  replay.ports = 3;
  replay.total = {4, 14'000, 1, 7, 2, 4, 1, 12, 6, 2};
  replay.by_service = {{"shop", "db", replay.total}, {"shop", "web", {}}};
  replay.rejected = {{"world", "shop/db", "tcp", 5432, "203.0.113.9 and 2 more", 7, 1'700'000'000, 1'700'003'000, true, "ingress",
                      "shop/db", "isolated", "db.yaml:3:1", "answered once only"}};
  replay.apart = {
      {"shop/web", "shop/db", "tcp", 22, "", 2, 1'700'000'000, 1'700'003'000, false, "", "", "", "", "rejected"},
      {"shop/web", "shop/db", "tcp", 23, "", 2, 1'700'000'000, 1'700'003'000, true, "ingress", "shop/db", "isolated", "db.yaml:3:1",
       "rejected"}};
  replay.escaped = {{"shop/db", "shop/web", "22/tcp, 80/tcp", 2}};
  return replay;
}

TEST_F(VerbsTest, ReplayListsWhatWouldBeRejectedAndExitsWithOne) {
  service_.replay = SomeReplay();
  Start();
  Write("db.yaml", kPolicy);
  const Outcome outcome = Run("policy replay --policy db.yaml --since 7d");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_EQ(
      outcome.out,
      "recorded 2023-11-14 22:13 .. 2023-11-14 23:13 UTC\n"
      "ALLOWED and ESCAPED are of 2 services with each other and with the world, on 3 ports: those answered on, those that\n"
      "policies name (both ends of a range), and one that is unused where a rule is for all ports\n\n"
      "NAMESPACE  SERVICE  PERMITTED      REJECTED     APART        ALLOWED  ESCAPED\n"
      "shop       db       4 (14k flows)  1 (7 flows)  2 (4 flows)  6/12     16.7%\n"
      "shop       web      -              -            -            0/0      -\n"
      "total               4 (14k flows)  1 (7 flows)  2 (4 flows)  6/12     16.7%\n"
      "\nrejected: answered, and would be denied\n"
      "FROM                          TO       PORT      ANSWERED  LAST-SEEN         WOULD-BE  BECAUSE\n"
      "world 203.0.113.9 and 2 more  shop/db  5432/tcp  7         2023-11-14 23:03  denied    shop/db isolated (db.yaml:3:1); "
      "answered once only\n"
      "\napart: answered, but no evidence of use\n"
      "FROM      TO       PORT    ANSWERED  LAST-SEEN         WOULD-BE  BECAUSE\n"
      "shop/web  shop/db  22/tcp  2         2023-11-14 23:03  allowed   rejected\n"
      "shop/web  shop/db  23/tcp  2         2023-11-14 23:03  denied    shop/db isolated (db.yaml:3:1); rejected\n"
      "note: 1 apart would be denied, too; the exit code does not count it\n"
      "\nescaped: allowed, and never seen\n"
      "FROM     TO        PORTS\n"
      "shop/db  shop/web  22/tcp, 80/tcp\n");
  EXPECT_THAT(service_.calls(), ElementsAre("replay shop/db since 604800"));
}

TEST_F(VerbsTest, ReplayIsDoneWhenNothingIsRejected) {
  Start();
  const Outcome nothing = Run("policy replay --policy -", kPolicy);
  EXPECT_EQ(nothing.exit_code, 0) << nothing.err;
  EXPECT_EQ(nothing.out, "nothing answered is recorded of that time\n");
  const Outcome json = Run("policy replay --policy - -o json", kPolicy);
  EXPECT_EQ(json.exit_code, 0);
  EXPECT_THAT(json.out, HasSubstr("\"rejected_edges\": 0"));
}

TEST_F(VerbsTest, ReplayRefusesWhatIsNoPolicy) {
  Start();
  Write("broken.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db}\nspec: {podSelecter: {}}\n");
  const Outcome outcome = Run("policy replay --policy broken.yaml");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("broken.yaml:4:8: unknown field \"podSelecter\""));
  EXPECT_EQ(Run("policy replay").exit_code, 2);
  EXPECT_EQ(Run("policy replay --policy nosuch.yaml").exit_code, 2);
  EXPECT_EQ(Run("policy replay --policy - --since never", kPolicy).exit_code, 2);
  EXPECT_THAT(service_.calls(), ElementsAre());
}

TEST_F(VerbsTest, ExitCodeThreeWithoutADaemon) {
  for (const char* verb : {"status",
                           "workloads",
                           "services",
                           "flows",
                           "flows -f",
                           "top",
                           "capture --service a/b",
                           "simulate --from a --to b 1",
                           "drops",
                           "explain a b 1",
                           "policy list",
                           "policy show a/b",
                           "policy rules",
                           "policy delete a/b",
                           "mode get",
                           "mode set a/b learn",
                           "confirm",
                           "learn edges",
                           "learn propose",
                           "policy replay --policy -"}) {
    const Outcome outcome = Run(verb);
    EXPECT_EQ(outcome.exit_code, 3) << verb;
    EXPECT_EQ(outcome.err, absl::StrCat("bulkhead: cannot reach bulkheadd at ", folder_,
                                        "/api.sock: No such file or directory (is it running?)\n"))
        << verb;
    EXPECT_EQ(outcome.out, "") << verb;
  }
  EXPECT_THAT(Run("--socket /nowhere/x.sock status").err, HasSubstr("/nowhere/x.sock"));
  EXPECT_THAT(Run("status --socket /nowhere/x.sock").err, HasSubstr("/nowhere/x.sock"));
}

TEST_F(VerbsTest, UsageErrorsAreTwo) {
  Start();
  for (const char* bad : {"", "nosuch", "flows --since yesterday", "flows --last 0", "flows --last x", "flows -n a -A",
                          "flows -o yaml", "flows --verdict no", "services --nosuch", "completion fish"}) {
    const Outcome outcome = Run(bad);
    EXPECT_EQ(outcome.exit_code, 2) << bad;
    EXPECT_NE(outcome.err, "") << bad;
  }
}

TEST_F(VerbsTest, EveryVerbHasHelpWithExamples) {
  for (const char* verb : {"",
                           "status",
                           "workloads",
                           "services",
                           "flows",
                           "drops",
                           "top",
                           "capture",
                           "simulate",
                           "explain",
                           "policy list",
                           "policy show",
                           "policy rules",
                           "policy validate",
                           "policy apply",
                           "policy delete",
                           "mode get",
                           "mode set",
                           "confirm",
                           "learn edges",
                           "learn propose",
                           "doctor",
                           "uninstall",
                           "policy replay",
                           "learn status",
                           "learn review",
                           "learn accept",
                           "learn reject",
                           "learn diff",
                           "version",
                           "completion",
                           "block add",
                           "block del",
                           "block list"}) {
    const Outcome outcome = Run(absl::StrCat(verb, " --help"));
    EXPECT_EQ(outcome.exit_code, 0) << verb;
    EXPECT_THAT(outcome.out, HasSubstr("Example")) << verb;
    EXPECT_THAT(outcome.out, HasSubstr(absl::StrCat("bulkhead ", verb))) << verb;
  }
}

TEST_F(VerbsTest, VersionAndCompletion) {
  EXPECT_THAT(Run("version").out, ::testing::MatchesRegex("bulkhead [0-9.]+\n"));
  const Outcome script = Run("completion bash");
  ASSERT_EQ(script.exit_code, 0);
  Write("complete.sh", script.out + R"(
try() { COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _bulkhead; echo "${COMPREPLY[*]}"; }
try bulkhead po
try bulkhead policy a
try bulkhead flows --verd
try bulkhead flows --verdict would
try bulkhead --socket
)");
  const std::string command = absl::StrCat("bash ", folder_, "/complete.sh > ", folder_, "/completed 2>&1");
  ASSERT_EQ(std::system(command.c_str()), 0) << Read("completed");
  EXPECT_EQ(Read("completed"), "policy\napply\n--verdict\nwould-deny\n--socket\n");
}

TEST_F(VerbsTest, UninstallRefusesWhileADaemonRuns) {
  const std::string pins = absl::StrCat(" --pin-root ", folder_, "/pins");  // nothing is there
  Start();
  const Outcome serves = Run("uninstall --yes" + pins);
  EXPECT_EQ(serves.exit_code, 1);
  EXPECT_EQ(serves.err, absl::StrCat("bulkhead: bulkheadd is running (pid ", getpid(), "): stop it first; nothing was removed\n"));
  server_.reset();
  // A daemon that does not answer (yet) still holds its lock.
  Write("bulkheadd.pid", "4711\n");
  const int lock = open((folder_ + "/bulkheadd.pid").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(flock(lock, LOCK_EX | LOCK_NB), 0);
  const Outcome holds = Run("uninstall --yes" + pins);
  EXPECT_EQ(holds.exit_code, 1);
  EXPECT_THAT(holds.err, HasSubstr("(pid 4711)"));
  close(lock);
}

TEST_F(VerbsTest, UninstallListsWithoutADaemon) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to look at the kernel";
  const Outcome listed = Run(absl::StrCat("uninstall --dry-run -o json --pin-root ", folder_, "/pins"));
  EXPECT_EQ(listed.exit_code, 0) << listed.err;
  EXPECT_EQ(nlohmann::json::parse(listed.out)["removed"], nlohmann::json::array());
}

}  // namespace
}  // namespace bulkhead::cli

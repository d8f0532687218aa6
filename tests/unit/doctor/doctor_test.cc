// SPDX-License-Identifier: Apache-2.0
// Each group of checks with facts that are made up.
#include <netinet/in.h>  // before the kernel's headers, which then leave the same names alone
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netfilter.h>
#include <sys/stat.h>

#include "controlplane/doctor/attachments.h"
#include "controlplane/doctor/clocks.h"
#include "controlplane/doctor/engines.h"
#include "controlplane/doctor/files.h"
#include "controlplane/doctor/firewalls.h"
#include "controlplane/doctor/guard.h"
#include "controlplane/doctor/kernel.h"
#include "controlplane/doctor/tables.h"

namespace bulkhead::doctor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "check: level", of those that are not ok.
std::vector<std::string> Troubles(const Findings& findings) {
  std::vector<std::string> out;
  for (const Finding& finding : findings.all()) {
    if (finding.level != Level::kOk) out.push_back(finding.check + ": " + LevelName(finding.level));
    EXPECT_EQ(finding.level == Level::kOk, finding.advice.empty()) << finding.check << ": what to do?";
    EXPECT_NE(finding.found, "") << finding.check;
  }
  return out;
}

template <class Check, class... Facts>
std::vector<std::string> TroublesOf(Check check, const Facts&... facts) {
  Findings findings;
  check(facts..., &findings);
  EXPECT_FALSE(findings.all().empty());
  return Troubles(findings);
}

KernelFacts GoodKernel() { return {"6.1.0-18-amd64", true, true, true, true, true, false, true, 1, true}; }

TEST(DoctorKernel, EachLackIsNamed) {
  const Config config;
  EXPECT_THAT(TroublesOf(CheckKernel, GoodKernel(), config), IsEmpty());
  const auto without = [&config](const std::function<void(KernelFacts*)>& change, const Config& with = {}) {
    KernelFacts facts = GoodKernel();
    change(&facts);
    return TroublesOf(CheckKernel, facts, with);
  };
  EXPECT_THAT(without([](KernelFacts* f) { f->release = "5.4.0"; }), ElementsAre("kernel version: fail"));
  EXPECT_THAT(without([](KernelFacts* f) { f->release = "5.10.0"; }), IsEmpty());
  EXPECT_THAT(without([](KernelFacts* f) { f->root = false; }), ElementsAre("rights: fail"));
  EXPECT_THAT(without([](KernelFacts* f) { f->classifier = false; }), ElementsAre("kernel bpf: fail"));
  EXPECT_THAT(without([](KernelFacts* f) { f->ring_buffer = false; }), ElementsAre("kernel ring buffer: fail"));
  EXPECT_THAT(without([](KernelFacts* f) { f->membarrier = false; }), ElementsAre("kernel membarrier: fail"));
  EXPECT_THAT(without([](KernelFacts* f) { f->btf = false; }), ElementsAre("kernel BTF: warn"));
  EXPECT_THAT(without([](KernelFacts* f) { f->jit = 0; }), ElementsAre("kernel JIT: warn"));
  EXPECT_THAT(without([](KernelFacts* f) { f->jit.reset(); }), ElementsAre("kernel JIT: warn"));
  EXPECT_THAT(without([](KernelFacts* f) { f->bpffs = false; }), ElementsAre("bpffs: warn"));
  EXPECT_THAT(without([](KernelFacts* f) { f->bridge_tables = false; }), ElementsAre("kernel bridge tables: fail"));
  EXPECT_THAT(without([](KernelFacts* f) { f->bridge_tables.reset(); }), ElementsAre("kernel bridge tables: warn"));
  Config tcx;
  tcx.attach = "tcx";
  EXPECT_THAT(without([](KernelFacts*) {}, tcx), ElementsAre("kernel tcx: fail"));
  EXPECT_THAT(without([](KernelFacts* f) { f->tcx = true; }, tcx), IsEmpty());
}

TEST(DoctorAttachments, ProgramsMustBeOursFirstAndWithOurMaps) {
  const AttachedProgram ours{"bh_ingress", true, true}, strange{"other", false, false}, stale{"bh_egress", true, false};
  const auto trouble = [](const InterfaceFacts& interface) {
    return TroublesOf(CheckAttachments, absl::StatusOr<std::vector<InterfaceFacts>>({interface}));
  };
  EXPECT_THAT(trouble({"veth1", true, {ours}, {ours}, ""}), IsEmpty());
  EXPECT_THAT(trouble({"veth1", true, {ours, strange}, {ours}, ""}), IsEmpty()) << "what comes after ours sees what we let pass";
  EXPECT_THAT(trouble({"veth1", true, {strange, ours}, {ours}, ""}), ElementsAre("attachments: fail"));
  EXPECT_THAT(trouble({"veth1", true, {ours}, {}, ""}), ElementsAre("attachments: fail"));
  EXPECT_THAT(trouble({"veth1", true, {ours}, {stale}, ""}), ElementsAre("attachments: fail"));
  EXPECT_THAT(trouble({"veth1", true, {ours}, {ours}, "xdp_other"}), ElementsAre("attachments: fail"));
  EXPECT_THAT(trouble({"veth1", false, {}, {}, ""}), ElementsAre("unmanaged interfaces: warn"));
  Findings findings;
  CheckAttachments(std::vector<InterfaceFacts>{{"veth1", true, {strange, ours}, {ours}, ""}}, &findings);
  EXPECT_EQ(findings.all().at(0).found, "veth1: other comes before ours at ingress");
  EXPECT_THAT(TroublesOf(CheckAttachments, absl::StatusOr<std::vector<InterfaceFacts>>(absl::PermissionDeniedError("no"))),
              ElementsAre("attachments: fail"));
}

fast_path::Chain GuardChain(const std::string& family) {
  fast_path::Chain chain;
  chain.family = family;
  chain.table = "bulkhead";
  chain.name = "forward";
  chain.base = true;
  chain.hook = NF_INET_FORWARD;
  return chain;
}

TEST(DoctorGuard, BothTablesOrNoneThatIsNeeded) {
  fast_path::Facts both, one;
  both.chains = {GuardChain("bridge"), GuardChain("inet")};
  one.chains = {GuardChain("bridge")};
  const auto troubles = [](const absl::StatusOr<fast_path::Facts>& facts, bool enforces, OnUnmanaged wish = OnUnmanaged::kByMode) {
    return TroublesOf(CheckGuard, facts, wish, enforces);
  };
  EXPECT_THAT(troubles(both, true), IsEmpty());
  EXPECT_THAT(troubles(one, true), ElementsAre("guard: fail"));
  EXPECT_THAT(troubles(one, false), ElementsAre("guard: fail"));
  EXPECT_THAT(troubles(fast_path::Facts(), true), ElementsAre("guard: fail"));
  EXPECT_THAT(troubles(fast_path::Facts(), false), IsEmpty());
  EXPECT_THAT(troubles(absl::PermissionDeniedError("no"), true), ElementsAre("guard: warn"));
  EXPECT_THAT(troubles(fast_path::Facts(), true, OnUnmanaged::kPass), IsEmpty());
  EXPECT_THAT(troubles(both, true, OnUnmanaged::kPass), ElementsAre("guard: warn"));
  EXPECT_THAT(troubles(fast_path::Facts(), false, OnUnmanaged::kDrop), ElementsAre("guard: fail"));
}

TEST(DoctorTables, FillAndLayout) {
  const auto trouble = [](std::vector<std::string> layouts, absl::StatusOr<std::vector<TableFill>> fills) {
    return TroublesOf(CheckTables, TableFacts{std::move(layouts), "v5", std::move(fills)});
  };
  EXPECT_THAT(trouble({"v5"}, std::vector<TableFill>{{"edges", 10, 100}}), IsEmpty());
  EXPECT_THAT(trouble({"v5"}, std::vector<TableFill>{{"edges", 85, 100}}), ElementsAre("table fill: warn"));
  EXPECT_THAT(trouble({"v5"}, std::vector<TableFill>{{"flows_ipv4", 100, 100}, {"edges", 1, 100}}), ElementsAre("table fill: fail"));
  EXPECT_THAT(trouble({"v5"}, std::vector<TableFill>{{"fragments", 100, 100, true}, {"edges", 1, 100}}), IsEmpty()) << "it gives way";
  EXPECT_THAT(trouble({}, absl::NotFoundError("none")), ElementsAre("map layout: warn"));
  EXPECT_THAT(trouble({"v4"}, absl::NotFoundError("none")), ElementsAre("map layout: warn"));
  EXPECT_THAT(trouble({"v4", "v5"}, std::vector<TableFill>{{"edges", 1, 100}}), ElementsAre("map layout: warn"));
  EXPECT_THAT(trouble({"v5"}, absl::PermissionDeniedError("no")), ElementsAre("table fill: fail"));
}

TEST(DoctorClocks, JumpsAndTicks) {
  const ClockFacts good{1'000'000'000'000, 1'000'000'000'000, 1'800'000'000, 1'799'999'000, 4'000'000};
  EXPECT_THAT(TroublesOf(CheckClocks, good), IsEmpty());
  ClockFacts facts = good;
  facts.boottime_ns += 5'000'000'000;
  EXPECT_THAT(TroublesOf(CheckClocks, facts), IsEmpty()) << "suspend is no trouble";
  facts.state_written = facts.unix_seconds + 7200;
  EXPECT_THAT(TroublesOf(CheckClocks, facts), ElementsAre("clock: warn"));
  facts = good;
  facts.unix_seconds = 1000;
  EXPECT_THAT(TroublesOf(CheckClocks, facts), ElementsAre("clock: warn"));
  facts = good;
  facts.tick_ns = 1;
  EXPECT_THAT(TroublesOf(CheckClocks, facts), ElementsAre("clock tick: fail"));
  facts.tick_ns = 3'333'333;
  EXPECT_THAT(TroublesOf(CheckClocks, facts), IsEmpty()) << "300 Hz";
}

TEST(DoctorEngines, ReachedAllowedAndNewEnough) {
  const Config config;
  const auto trouble = [&config](const EngineFacts& engine) { return TroublesOf(CheckEngines, std::vector<EngineFacts>{engine}, config); };
  EXPECT_THAT(trouble({"/run/docker.sock", absl::OkStatus(), "Docker/29.0.1 (linux)", "1.52"}), IsEmpty());
  EXPECT_THAT(trouble({"/s", absl::OkStatus(), "", "1.18"}), ElementsAre("engine /s: fail"));
  EXPECT_THAT(trouble({"/s", absl::PermissionDeniedError("no"), "", ""}), ElementsAre("engine /s: fail"));
  EXPECT_THAT(trouble({"/s", absl::UnavailableError("refused"), "", ""}), ElementsAre("engine /s: fail"));
  EXPECT_THAT(TroublesOf(CheckEngines, std::vector<EngineFacts>(), config), ElementsAre("engines: warn"));
  Config described;
  described.workloads_dir = "/etc/bulkhead/workloads.d";
  EXPECT_THAT(TroublesOf(CheckEngines, std::vector<EngineFacts>(), described), IsEmpty());
}

TEST(DoctorDaemon, ItsAbsenceIsAFinding) {
  api::Status status;
  EXPECT_THAT(TroublesOf(CheckDaemon, absl::StatusOr<api::Status>(status)), IsEmpty());
  status.problems = {"state: disk full"};
  EXPECT_THAT(TroublesOf(CheckDaemon, absl::StatusOr<api::Status>(status)), ElementsAre("daemon: warn"));
  status.ok = false;
  EXPECT_THAT(TroublesOf(CheckDaemon, absl::StatusOr<api::Status>(status)), ElementsAre("daemon: fail"));
  status.self_check.disagreements = 1;
  status.self_check.last = "a -> b";
  Findings findings;
  CheckDaemon(status, &findings);
  EXPECT_THAT(findings.all().at(0).found, HasSubstr("self-check: a -> b"));
  EXPECT_THAT(TroublesOf(CheckDaemon, absl::StatusOr<api::Status>(absl::UnavailableError("refused"))), ElementsAre("daemon: fail"));
}

TEST(DoctorFiles, NobodyElseMayWrite) {
  const FileFacts folder{"policy folder", "/p", true, true, 0, S_IFDIR | 0755, 022, "", true};
  const auto without = [&folder](const std::function<void(FileFacts*)>& change) {
    FileFacts facts = folder;
    change(&facts);
    return TroublesOf(CheckFiles, std::vector<FileFacts>{facts});
  };
  EXPECT_THAT(without([](FileFacts*) {}), IsEmpty());
  EXPECT_THAT(without([](FileFacts* f) { f->mode = S_IFDIR | 0775; }), ElementsAre("policy folder: fail"));
  EXPECT_THAT(without([](FileFacts* f) { f->owner = 1000; }), ElementsAre("policy folder: fail"));
  EXPECT_THAT(without([](FileFacts* f) { f->mode = S_IFREG | 0644; }), ElementsAre("policy folder: fail"));
  EXPECT_THAT(without([](FileFacts* f) { f->loose_parent = "/"; }), ElementsAre("policy folder: fail"));
  EXPECT_THAT(without([](FileFacts* f) { f->exists = false; }), ElementsAre("policy folder: warn"));
  Findings findings;
  CheckFiles({{"API socket", "/s", true, false, 0, S_IFSOCK | 0666, 07, "", false}}, &findings);
  EXPECT_EQ(findings.all().at(0).advice, "chmod 0660 /s");
}

FirewallFacts QuietHost() {
  FirewallFacts facts{fast_path::Facts(), {}, {}, true, true};
  return facts;
}

TEST(DoctorFirewalls, EachOneIsNamed) {
  EXPECT_THAT(TroublesOf(CheckFirewalls, QuietHost()), IsEmpty());
  FirewallFacts facts = QuietHost();
  facts.networks = {"Cilium"};
  facts.services = {"firewalld"};
  facts.docker_rules = false;
  EXPECT_THAT(TroublesOf(CheckFirewalls, facts), ElementsAre("other networks: warn", "firewall services: warn", "engine rules: warn"));
  facts = QuietHost();
  facts.forwarding = false;
  EXPECT_THAT(TroublesOf(CheckFirewalls, facts), ElementsAre("forwarding: warn"));
  fast_path::Chain forward = GuardChain("ip");
  forward.table = "filter";
  forward.name = "FORWARD";
  forward.drops = true;
  facts = QuietHost();
  facts.rules->chains = {forward};
  EXPECT_THAT(TroublesOf(CheckFirewalls, facts), ElementsAre("forwarding: warn"));
  fast_path::Chain user;
  user.family = "ip";
  user.table = "filter";
  user.name = "DOCKER-USER";
  facts.rules->chains.push_back(user);
  EXPECT_THAT(TroublesOf(CheckFirewalls, facts), IsEmpty()) << "Docker accepts its own";
  facts.rules->chains.back().rules.push_back({fast_path::Rule::Verdict::kDrop, "", false, {}, {}});
  EXPECT_THAT(TroublesOf(CheckFirewalls, facts), ElementsAre("DOCKER-USER: warn"));
  facts = QuietHost();
  facts.rules->unreadable = {"iptables-legacy table filter"};
  EXPECT_THAT(TroublesOf(CheckFirewalls, facts), ElementsAre("iptables-legacy: warn"));
  facts.rules = absl::PermissionDeniedError("no");
  EXPECT_THAT(TroublesOf(CheckFirewalls, facts), ElementsAre("forwarding: warn"));
}

}  // namespace
}  // namespace bulkhead::doctor

// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "controlplane/yaml/node.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/places/places.h"

namespace bulkhead {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kInventory[] =
    "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}}\n"
    "---\n{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop, labels: {app: db}}}\n";
constexpr char kPolicy[] =
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}\n"
    "spec: {podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 5432}]}]}\n";

class PolicyTestVerb : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "bulkhead-policy-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    Write("inventory.yaml", kInventory);
    Write("policy.yaml", kPolicy);
    Write("probes.yaml", "probes: [{from: shop/web, to: shop/db, port: 5432, expect: allow}]\n");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) { std::ofstream(folder_ + "/" + name) << text; }
  std::string Read(const std::string& name) { return yaml::ReadFile(folder_ + "/" + name).value(); }

  // Runs in the folder; the exit code. Output is in out_ and err_.
  int Run(const std::string& arguments) {
    const std::string command =
        "cd '" + folder_ + "' && '" + ProgramPath("bulkhead") + "' policy test " + arguments + " >out 2>err";
    const int status = std::system(command.c_str());
    out_ = Read("out");
    err_ = Read("err");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int RunAll(const std::string& more = "") {
    return Run("--inventory inventory.yaml --policy policy.yaml --probes probes.yaml " + more);
  }

  std::string folder_, out_, err_;
};

TEST_F(PolicyTestVerb, ExpectationsThatHoldExit0) {
  EXPECT_EQ(RunAll(), 0) << err_;
  EXPECT_THAT(out_, StartsWith("FROM      TO       PORT      VERDICT  EXPECT  RESULT  EGRESS         INGRESS\n"
                               "shop/web  shop/db  5432/tcp  allow    allow   ok      allow default  allow shop/db ingress[0]\n"));
  EXPECT_THAT(out_, EndsWith("1 probes: 1 as expected, 0 not\n"));
}

TEST_F(PolicyTestVerb, ExpectationsThatDoNotExit1) {
  Write("probes.yaml",
        "probes:\n- {from: shop/web, to: shop/db, port: 22, expect: allow}\n- {from: shop/web, to: shop/db, port: 22}\n");
  EXPECT_EQ(RunAll(), 1);
  EXPECT_THAT(out_, HasSubstr("FAILED"));
  EXPECT_THAT(out_, EndsWith("2 probes: 1 as expected, 1 not\n"));
}

TEST_F(PolicyTestVerb, JsonHasTheProbesInTheirOrder) {
  Write("probes.yaml",
        "probes:\n- {from: shop/web, to: shop/db, port: 22, expect: allow}\n- {from: shop/db, to: 198.18.0.1, protocol: icmp}\n");
  EXPECT_EQ(RunAll("-o json"), 1);
  const auto parsed = nlohmann::json::parse(out_, nullptr, false);
  EXPECT_EQ(parsed, nlohmann::json::parse(R"([
    {"from": "shop/web", "to": "shop/db", "protocol": "tcp", "port": 22, "verdict": "deny", "expect": "allow", "pass": false,
     "egress": {"verdict": "allow", "policy": null, "rule": "default"},
     "ingress": {"verdict": "deny", "policy": "shop/db", "rule": "isolated"}},
    {"from": "shop/db", "to": "198.18.0.1", "protocol": "icmp", "port": null, "verdict": "allow", "expect": null, "pass": true,
     "egress": {"verdict": "allow", "policy": null, "rule": "default"},
     "ingress": {"verdict": "allow", "policy": null, "rule": "default"}}])"));
}

TEST_F(PolicyTestVerb, InvalidInputExits2WithItsPlace) {
  Write("policy.yaml", std::string(kPolicy) + "sepc: {}\n");
  EXPECT_EQ(RunAll(), 2);
  EXPECT_EQ(err_, "policy.yaml:5:1: unknown field \"sepc\" (did you mean spec?)\n");
  EXPECT_EQ(out_, "");
  Write("policy.yaml", kPolicy);
  Write("probes.yaml", "probes: [{from: shop/wep, to: shop/db, port: 1}]\n");
  EXPECT_EQ(RunAll("-o json"), 2);
  EXPECT_EQ(err_, "probes.yaml:1:17: found \"shop/wep\", expected a workload of the inventory (did you mean shop/web?)\n");
  Write("inventory.yaml", "a: [\n");
  EXPECT_EQ(RunAll(), 2);
  EXPECT_THAT(err_, StartsWith("inventory.yaml:2:1: not YAML: "));
}

TEST_F(PolicyTestVerb, BadUsageAndMissingFilesExit2) {
  EXPECT_EQ(Run(""), 2);
  EXPECT_EQ(Run("--inventory none.yaml --policy policy.yaml --probes probes.yaml"), 2);
  EXPECT_THAT(err_, HasSubstr("none.yaml"));
  EXPECT_EQ(Run("--inventory inventory.yaml --policy none --probes probes.yaml"), 2);
  EXPECT_EQ(err_, "none: no such file or folder\n");
  EXPECT_EQ(RunAll("-o xml"), 2);
  EXPECT_EQ(Run("--help"), 0);
}

TEST_F(PolicyTestVerb, SecondObjectOfOneNameIsInvalid) {
  EXPECT_EQ(RunAll("--policy policy.yaml"), 2);
  EXPECT_EQ(err_, "policy.yaml:1:1: found a second NetworkPolicy shop/db, the first is at policy.yaml:1:1\n");
}

TEST_F(PolicyTestVerb, UnknownKindsInAnInventoryAreWarnings) {
  Write("inventory.yaml", std::string(kInventory) + "---\n{apiVersion: v1, kind: Service, metadata: {name: db}}\n");
  EXPECT_EQ(RunAll(), 0);
  EXPECT_EQ(err_, "inventory.yaml:5:1: warning: the kind \"Service\" is not read\n");
}

TEST_F(PolicyTestVerb, TheServiceLabelOfLiveWorkloadsIsThereToo) {
  Write("policy.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}\n"
        "spec: {podSelector: {matchLabels: {bulkhead.dev/service: db}}}\n");
  Write("probes.yaml", "probes: [{from: shop/web, to: shop/db, port: 5432, expect: deny}]\n");
  EXPECT_EQ(RunAll(), 0) << out_ << err_;
}

TEST_F(PolicyTestVerb, TheShop) {
  const std::string shop = SourcePath("tests/data/shop/");
  EXPECT_EQ(Run("--inventory " + shop + "inventory.yaml --policy " + shop + "policies --probes " + shop + "probes.yaml"), 0)
      << out_ << err_;
}

TEST_F(PolicyTestVerb, TheTiers) {
  const std::string tiers = SourcePath("tests/data/tiers/");
  EXPECT_EQ(Run("--inventory " + tiers + "inventory.yaml --policy " + tiers + "policies --probes " + tiers + "probes.yaml"), 0)
      << out_ << err_;
}

}  // namespace
}  // namespace bulkhead

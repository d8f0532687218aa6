// SPDX-License-Identifier: Apache-2.0
// bulkhead explain of files: what it prints, to the letter, for every way in which the tiers decide.
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/golden/golden.h"
#include "tests/places/places.h"
#include "tests/unit/cli/program.h"

namespace bulkhead::cli {
namespace {

struct GoldenCase {
  const char* name;
  const char* question;
  int exit_code;
};

constexpr GoldenCase kCases[] = {
    {"admin-denies", "lab/probe shop/db 5432", 1},
    {"admin-denies-what-a-developer-allows", "lab/tester shop/db 5432", 1},
    {"admin-accepts", "watch/prometheus shop/db 9100", 0},
    {"admin-passes-and-networkpolicy-allows", "shop/api shop/db 5432", 0},
    {"admin-passes-and-networkpolicy-denies", "shop/web shop/db 5432", 1},
    {"admin-has-no-rule-for-it", "watch/prometheus shop/db 9200", 1},
    {"admin-allows-by-address", "shop/db 198.19.7.7 22", 0},
    {"admin-denies-by-address", "shop/db 198.19.7.7 80/tcp", 1},
    {"admin-denies-a-node", "shop/web watch/agent 80", 1},
    {"port-name", "shop/api shop/db 5433", 1},
    {"icmp", "shop/api shop/db icmp", 1},
    {"ipv6", "fd00::11 fd00:fe::1 443", 1},
    {"baseline-denies", "watch/prometheus lab/probe 80", 1},
    {"baseline-accepts", "lab/tester lab/probe 80", 0},
    {"baseline-has-no-rule-for-it", "watch/prometheus lab/probe 8080", 0},
    {"networkpolicy-in-audit", "shop/db shop/orders 8080", 0},
    {"admin-in-audit", "shop/web shop/api 8081", 0},
    {"denied-behind-audit", "watch/prometheus shop/api 8081", 1},
    {"except", "198.19.66.1 shop/api 80", 1},
    {"allowed-by-address", "198.19.1.1 shop/api 80", 0},
    {"many-rules", "watch/agent shop/web 9000", 1},
    {"self", "shop/db shop/db 1", 0},
    {"nobody", "world shop/api 80", 1},
    {"nothing-decides", "watch/prometheus 198.19.1.1 80", 0},
};

class ExplainOfflineTest : public ProgramTest {
 protected:
  ExplainOfflineTest() {
    std::filesystem::create_directory_symlink(SourcePath("tests/data/explain/policies"), folder_ + "/policies");
    std::filesystem::create_symlink(SourcePath("tests/data/explain/inventory.yaml"), folder_ + "/inventory.yaml");
  }
  Outcome Explain(const std::string& question) { return Run("explain --policy policies --inventory inventory.yaml " + question); }
};

TEST_F(ExplainOfflineTest, Golden) {
  for (const GoldenCase& test : kCases) {
    SCOPED_TRACE(test.question);
    const Outcome outcome = Explain(test.question);
    EXPECT_EQ(outcome.exit_code, test.exit_code);
    EXPECT_EQ(outcome.err, "");
    ExpectGolden(absl::StrCat("explain/", test.name, ".txt"),
                 absl::StrCat("$ bulkhead explain ", test.question, "\n", outcome.out));
  }
}

TEST_F(ExplainOfflineTest, GoldenJson) {
  const Outcome outcome = Explain("shop/web shop/api 8081 -o json");
  EXPECT_EQ(outcome.exit_code, 0);
  ExpectGolden("explain/admin-in-audit.json", outcome.out);
}

TEST_F(ExplainOfflineTest, NamesMayBeShort) {
  const std::string whole = Explain("shop/api-0 shop/db-0 5432/tcp").out;
  EXPECT_THAT(whole, ::testing::StartsWith("allow  shop/api-0 -> shop/db-0 5432/tcp\n"));
  for (const char* same : {"shop/api shop/db 5432", "-n shop api db tcp/5432", "-n shop api-0 shop/db-0 5432"}) {
    EXPECT_EQ(Explain(same).out, whole) << same;
  }
  // Of a service that asks itself, two workloads.
  EXPECT_THAT(Explain("shop/web shop/web 1").out, ::testing::StartsWith("deny  shop/web-0 -> shop/web-1 1/tcp\n"));
  EXPECT_THAT(Explain("198.18.0.12 shop/api 1").out, ::testing::StartsWith("deny  shop/db-0 -> shop/api-0 1/tcp\n"));
}

TEST_F(ExplainOfflineTest, SaysWhenReplicasDiffer) {
  Write("pods.yaml",
        "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x, labels: {app: s, color: red}}}\n---\n"
        "{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: x, labels: {app: s, color: blue}}}\n");
  const Outcome outcome = Run("explain --policy policies --inventory inventory.yaml --inventory pods.yaml x/s 198.19.1.1 80");
  EXPECT_THAT(outcome.out, ::testing::HasSubstr("note: workloads of x/s differ in their labels; this is about x/a\n"));
}

TEST_F(ExplainOfflineTest, BadInputIsTwo) {
  const Outcome unknown = Explain("shop/wbe-0 shop/db 1");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_EQ(unknown.err,
            "bulkhead: found \"shop/wbe-0\", expected NAMESPACE/NAME of the inventory, an IP address or world (did you mean "
            "shop/web-0?)\n");
  EXPECT_EQ(Explain("shop/web shop/db 0").exit_code, 2);
  EXPECT_EQ(Run("explain --policy policies shop/web shop/db 1").exit_code, 2);
  EXPECT_EQ(Run("explain --inventory inventory.yaml shop/web shop/db 1").exit_code, 2);
  Write("bad.yaml", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}\nspec: {podSelecter: {}}\n");
  const Outcome bad = Run("explain --policy bad.yaml --inventory inventory.yaml shop/web shop/db 1");
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(bad.err, ::testing::StartsWith("bad.yaml:4:8: unknown field"));
}

}  // namespace
}  // namespace bulkhead::cli

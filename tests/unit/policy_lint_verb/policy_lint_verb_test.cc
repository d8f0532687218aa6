// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "controlplane/yaml/node.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/golden/golden.h"
#include "tests/places/places.h"
#include "tests/places/temporary_folder.h"

namespace bulkhead {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PolicyLintVerb : public ::testing::Test {
 protected:
  // Runs beside the files of tests/data/lint; the exit code. Output is in out_ and err_.
  int Run(const std::string& arguments, const std::string& input = "") {
    const std::string folder = folder_.path().string();
    std::ofstream(folder + "/in") << input;
    const std::string command = "cd '" + SourcePath("tests/data/lint") + "' && '" + ProgramPath("bulkhead") + "' policy lint " + arguments +
                                " <" + folder + "/in >" + folder + "/out 2>" + folder + "/err";
    const int status = std::system(command.c_str());
    out_ = yaml::ReadFile(folder + "/out").value();
    err_ = yaml::ReadFile(folder + "/err").value();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  nlohmann::json Json() { return nlohmann::json::parse(out_, nullptr, false); }

  TemporaryFolder folder_;
  std::string out_, err_;
};

TEST_F(PolicyLintVerb, WithAnInventory) {
  EXPECT_EQ(Run("policies --inventory inventory.yaml"), 1) << err_;
  ExpectGolden("lint/inventory.txt", out_);
}

TEST_F(PolicyLintVerb, ByTheDocumentsAlone) {
  EXPECT_EQ(Run("policies"), 1) << err_;
  ExpectGolden("lint/documents.txt", out_);
}

TEST_F(PolicyLintVerb, Json) {
  EXPECT_EQ(Run("policies --inventory inventory.yaml -o json"), 1) << err_;
  ExpectGolden("lint/inventory.json", out_);
}

TEST_F(PolicyLintVerb, ShowsFromASeverityOn) {
  EXPECT_EQ(Run("policies --inventory inventory.yaml --severity error -o json"), 1);
  const nlohmann::json all = Json();
  ASSERT_FALSE(all["findings"].empty());
  for (const auto& finding : all["findings"]) EXPECT_EQ(finding["severity"], "error");
  EXPECT_EQ(all["errors"], all["findings"].size());
  EXPECT_GT(all["warnings"], 0);  // counted all the same
}

TEST_F(PolicyLintVerb, FailsFromASeverityOn) {
  const std::string policy =
      "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a, namespace: shop}, spec: {podSelector: {}, ";
  const std::string info = policy + "egress: [{ports: [{port: 443}]}]}}", warning = policy + "ingress: [{}]}}";
  EXPECT_EQ(Run("- --fail-on info", info), 1);
  EXPECT_THAT(out_, HasSubstr("stdin:1:1: info: "));
  EXPECT_EQ(Run("- --fail-on warning", info), 0);
  EXPECT_EQ(Run("-", info), 0);
  EXPECT_EQ(Run("-", warning), 1);
  EXPECT_EQ(Run("- --fail-on error", warning), 0);
  EXPECT_EQ(Run("policies --fail-on error"), 1);
  EXPECT_EQ(Run("policies --fail-on never"), 0);
  EXPECT_EQ(Run("policies --severity error --fail-on warning"), 1);
}

TEST_F(PolicyLintVerb, BadInput) {
  EXPECT_EQ(Run("nosuch.yaml"), 2);
  EXPECT_THAT(err_, HasSubstr("nosuch.yaml"));
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_EQ(Run("policies --inventory nosuch.yaml"), 2);
  EXPECT_EQ(Run("inventory.yaml"), 2);
  EXPECT_THAT(err_, HasSubstr("inventory.yaml:"));
  EXPECT_EQ(Run("policies --severity fatal"), 2);
  EXPECT_EQ(Run("--inventory inventory.yaml"), 2);
  EXPECT_EQ(Run("policies --live --inventory inventory.yaml"), 2);
}

TEST_F(PolicyLintVerb, NothingFound) {
  EXPECT_EQ(Run("../shop/policies/default-deny.yaml --inventory ../shop/inventory.yaml --fail-on info"), 0) << out_;
  EXPECT_THAT(out_, EndsWith("0 errors, 0 warnings, 0 infos; judged with 17 workloads\n"));
}

}  // namespace
}  // namespace bulkhead

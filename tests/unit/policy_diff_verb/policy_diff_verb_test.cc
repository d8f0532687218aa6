// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>

#include <algorithm>
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

using ::testing::HasSubstr;

class PolicyDiffVerb : public ::testing::Test {
 protected:
  // Runs among the files of tests/data/diff; the exit code. Output is in out_ and err_.
  int Run(const std::string& arguments) {
    const std::string command = "cd '" + SourcePath("tests/data/diff") + "' && '" + ProgramPath("bulkhead") + "' policy diff " +
                                arguments + " >'" + folder() + "/out' 2>'" + folder() + "/err'";
    const int status = std::system(command.c_str());
    out_ = yaml::ReadFile(folder() + "/out", 64 << 20).value();
    err_ = yaml::ReadFile(folder() + "/err").value();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  // As a golden file holds it.
  std::string Seen(int exit_code) const { return out_ + err_ + "exit " + std::to_string(exit_code) + "\n"; }

  std::string folder() const { return folder_.path().string(); }

  const TemporaryFolder folder_;
  std::string out_, err_;
};

TEST_F(PolicyDiffVerb, ShowsWhatChanges) {
  ExpectGolden("diff/changes.txt", Seen(Run("--against old new --inventory inventory.yaml")));
  ExpectGolden("diff/backwards-verbose.txt", Seen(Run("--against new old --inventory inventory.yaml --verbose")));
  ExpectGolden("diff/from-nothing.txt", Seen(Run("--against empty.yaml new --inventory inventory.yaml")));
}

TEST_F(PolicyDiffVerb, JsonHasAllOfIt) {
  const int exit_code = Run("--against old new --inventory inventory.yaml --verbose -o json");
  ExpectGolden("diff/changes.json", Seen(exit_code));
  const auto json = nlohmann::json::parse(out_);
  EXPECT_EQ(json["rows"].size(), json["denied"].get<size_t>() + json["allowed"].get<size_t>() + json["others"].get<size_t>());
  EXPECT_EQ(json["rule_rows"].size(), json["rule_changes"]);
}

TEST_F(PolicyDiffVerb, NothingChangesIsExitZero) {
  EXPECT_EQ(Run("--against old old --inventory inventory.yaml"), 0);
  EXPECT_EQ(out_, "no verdict changes\n");
  EXPECT_EQ(Run("--against old/shop.yaml old --inventory inventory.yaml -o json"), 0);
  EXPECT_EQ(nlohmann::json::parse(out_)["differs"], false);
}

TEST_F(PolicyDiffVerb, BadInputIsExitTwo) {
  ExpectGolden("diff/broken.txt", Seen(Run("--against old broken --inventory inventory.yaml")));
  EXPECT_EQ(Run("--against old missing --inventory inventory.yaml"), 2);
  EXPECT_THAT(err_, HasSubstr("missing: no such file or folder"));
  EXPECT_EQ(Run("--against old new"), 2) << "whose connections?";
  EXPECT_EQ(Run("--against old --inventory inventory.yaml"), 2) << "no new policies";
  EXPECT_EQ(Run("--against old names.yaml --inventory inventory.yaml"), 2);
  EXPECT_THAT(err_, HasSubstr("names.yaml:11:10: domainNames: found *.example.org: not supported yet"));
  EXPECT_EQ(out_, "");
}

// Several files on both sides; a thousand rows at first sight.
TEST_F(PolicyDiffVerb, ManyRowsAreCut) {
  std::string inventory, policies;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "s" + std::to_string(i);
    inventory += "---\n{apiVersion: v1, kind: Pod, metadata: {name: " + name + ", namespace: many, labels: {app: " + name + "}}}\n";
    policies += "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name +
                ", namespace: many}\n"
                "spec: {podSelector: {matchLabels: {app: " +
                name + "}}}\n";
  }
  std::ofstream(folder() + "/many.yaml") << inventory;
  std::ofstream(folder() + "/closed.yaml") << policies;
  const std::string files = "--against empty.yaml '" + folder() + "/closed.yaml' --inventory '" + folder() + "/many.yaml' ";
  EXPECT_EQ(Run(files), 1);
  EXPECT_THAT(out_, HasSubstr("\n... and 600 more rows (--all shows them)\n1600 changes: 1600 denied from now on\n"));
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 1003);
  EXPECT_EQ(Run(files + "--all"), 1);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 1602);
}

}  // namespace
}  // namespace bulkhead

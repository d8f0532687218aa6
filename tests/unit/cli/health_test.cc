// SPDX-License-Identifier: Apache-2.0
// What status says of the self-check, and doctor without a daemon.
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/unit/cli/program.h"

namespace bulkhead::cli {
namespace {

using ::testing::HasSubstr;

class HealthTest : public ProgramTest {
 protected:
  void ShowSelfCheck(const SelfCheckView& check) {
    auto view = std::make_shared<View>(*service_.GetView());
    view->self_check = check;
    service_.SetView(view);
  }
};

TEST_F(HealthTest, StatusFailsAfterADisagreement) {
  Start();
  EXPECT_THAT(Run("status").out, HasSubstr("self-check  off\n"));
  ShowSelfCheck({true, 1200, 0, {}, "", 0});
  const Outcome good = Run("status");
  EXPECT_EQ(good.exit_code, 0) << good.out;
  EXPECT_THAT(good.out, HasSubstr("self-check  1200 checked, 0 disagreements\n"));
  ShowSelfCheck({true, 1200, 1, {{"several addresses", 2}, {"from before a change", 3}}, "a -> b: \x1b[2Jdeny", 1000});
  const Outcome bad = Run("status");
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.out, HasSubstr("self-check  1200 checked, 1 disagreement (5 could not be compared)\n"));
  EXPECT_THAT(bad.out, HasSubstr("            last: a -> b: "));
  EXPECT_THAT(bad.out, ::testing::Not(HasSubstr("\x1b[2J")));
  EXPECT_THAT(bad.out, HasSubstr("NOT OK: the dataplane does not judge as policy says (self-check)\n"));
  const nlohmann::json json = nlohmann::json::parse(Run("status -o json").out);
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["self_check"]["disagreements"], 1);
  EXPECT_EQ(json["self_check"]["skipped"]["several addresses"], 2);
}

TEST_F(HealthTest, DoctorNeedsNoDaemonAndSaysSo) {
  Write("bulkhead.yaml", "sources: {docker: [], static: none}\npin_root: /sys/fs/bpf/nothing_here\n");
  const Outcome outcome = Run("doctor -o json --config bulkhead.yaml");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err << "never 3: it is a finding";
  bool found = false;
  for (const nlohmann::json& row : nlohmann::json::parse(outcome.out)) {
    found = found || (row["check"] == "daemon" && row["result"] == "fail" && row["advice"] != "");
  }
  EXPECT_TRUE(found) << outcome.out;
  EXPECT_EQ(Run("doctor --config missing.yaml").exit_code, 2);
  EXPECT_EQ(Run("doctor --nonsense").exit_code, 2);
}

}  // namespace
}  // namespace bulkhead::cli

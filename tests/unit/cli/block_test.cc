// SPDX-License-Identifier: Apache-2.0
// bulkhead block, and what status says of uplinks: through the program and the API's server.
#include <ctime>

#include "bulkhead/api/paths.h"
#include "controlplane/api/client.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/unit/cli/program.h"

namespace bulkhead::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class BlockVerbTest : public ProgramTest {
 protected:
  void Show(const std::vector<BlockView>& blocks, const std::vector<UplinkView>& uplinks = {}) {
    auto view = std::make_shared<View>(*service_.GetView());
    view->blocks = std::make_shared<const std::vector<BlockView>>(blocks);
    view->uplinks = uplinks;
    service_.SetView(view);
  }
};

TEST_F(BlockVerbTest, AddAndDel) {
  service_.change = ChangeResult{42, {"203.0.113.0/24 blocked"}, {"nothing is dropped now"}};
  Start();
  const Outcome outcome = Run("block add 203.0.113.9/24 --for 1h30m");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "203.0.113.0/24 blocked\nnote: nothing is dropped now\n");
  EXPECT_EQ(Run("block add 2001:db8::/32").exit_code, 0);
  EXPECT_EQ(Run("block add 198.51.100.7").exit_code, 0) << "an address alone";
  EXPECT_EQ(Run("block add 0.0.0.0/0").exit_code, 0) << "the operator's explicit wish";
  EXPECT_EQ(Run("block del 2001:db8::1/32").exit_code, 0);
  EXPECT_EQ(Run("block del 198.51.100.7").exit_code, 0);
  EXPECT_EQ(nlohmann::json::parse(Run("block del 198.51.100.7 -o json").out)["changes"][0], "203.0.113.0/24 blocked");
  EXPECT_THAT(service_.calls(),
              ElementsAre("block 203.0.113.0/24 for 5400", "block 2001:db8::/32 for 0", "block 198.51.100.7/32 for 0",
                          "block 0.0.0.0/0 for 0", "unblock 2001:db8::/32", "unblock 198.51.100.7/32", "unblock 198.51.100.7/32"));
}

TEST_F(BlockVerbTest, Mistakes) {
  Start();
  for (const char* wrong : {"block", "block add", "block add nonsense", "block add 1.2.3.4/33", "block add 1.2.3.4/24 --for soon",
                            "block add 1.2.3.4/24 --for 0s", "block del 1.2.3.4/x", "block list more"}) {
    EXPECT_EQ(Run(wrong).exit_code, 2) << wrong;
  }
  EXPECT_THAT(Run("block add nonsense").err, HasSubstr("\"nonsense\" is no prefix: expected ADDRESS/LENGTH"));
  EXPECT_THAT(service_.calls(), ElementsAre());
  service_.change = absl::ResourceExhaustedError("the deny list is full: 16384 of 16384 prefixes; nothing changed");
  const Outcome full = Run("block add 203.0.113.0/24");
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_EQ(full.err, "bulkhead: the deny list is full: 16384 of 16384 prefixes; nothing changed\n");
  service_.change = absl::NotFoundError("203.0.113.0/24 is not blocked");
  EXPECT_EQ(Run("block del 203.0.113.0/24").exit_code, 2);
}

TEST_F(BlockVerbTest, List) {
  Start();
  EXPECT_EQ(nlohmann::json::parse(Run("block list -o json").out), nlohmann::json::array());
  const auto now = static_cast<uint64_t>(std::time(nullptr));
  const Prefix wide = *Prefix::Parse("203.0.113.0/24"), six = *Prefix::Parse("2001:db8::/32");
  service_.blocked = {{wide, {12, 2048}}};
  Show({{wide, now - 7200, 0}, {six, now - 60, now + 7230}});
  const Outcome table = Run("block list");
  EXPECT_EQ(table.exit_code, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("203.0.113.0/24  2h   -        12       2.0K"));
  EXPECT_THAT(table.out, HasSubstr("2001:db8::/32   1m   2h       0        0B"));
  const nlohmann::json rows = nlohmann::json::parse(Run("block list -o json").out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["packets"], 12);
  EXPECT_EQ(rows[1]["until_unix"], now + 7230);
}

TEST_F(BlockVerbTest, StatusShowsUplinks) {
  Start();
  EXPECT_THAT(Run("status").out, Not(HasSubstr("UPLINK")));
  service_.uplink_drops = {{2, 77}};
  Show({{*Prefix::Parse("203.0.113.0/24"), 1, 0}}, {{2, "eth0", "native", ""}, {3, "eth1", "attaching", "it has an XDP program"}});
  const std::string text = Run("status").out;
  EXPECT_THAT(text, HasSubstr("eth0    native     77       -"));
  EXPECT_THAT(text, HasSubstr("eth1    attaching  0        it has an XDP program"));
  EXPECT_THAT(text, HasSubstr("blocked     1 prefixes"));
  const nlohmann::json status = nlohmann::json::parse(Run("status -o json").out);
  EXPECT_EQ(status["uplinks"][0]["dropped"], 77);
  EXPECT_EQ(status["blocked_prefixes"], 1);
  const auto metrics = api::ApiClient(folder_ + "/api.sock").Call("GET", api::kMetricsPath, {}, "");
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  EXPECT_THAT(*metrics, HasSubstr("bulkhead_uplink_dropped_packets_total{uplink=\"eth0\"} 77\n"));
}

}  // namespace
}  // namespace bulkhead::cli

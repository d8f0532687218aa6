// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/flow_text.h"

#include <random>

#include "controlplane/api/json.h"
#include "gtest/gtest.h"
#include "tests/unit/api/fake/fake_service.h"

namespace bulkhead::api {
namespace {

using ::bulkhead::testing::MakeShopFlow;

class FlowTextTest : public ::testing::Test {
 protected:
  std::string LineOf(const FlowRecord& flow, std::string_view change = {}) {
    std::string line;
    text_.Append(flow, now_, change, &line);
    return line;
  }
  bool Wants(FlowQuery query, const FlowRecord& flow) {
    FlowText text(names_, query);
    std::string line;
    text.Append(flow, now_, {}, &line);
    const absl::StatusOr<FlowRow> row = ParseWire<FlowRow>(line);
    EXPECT_TRUE(row.ok()) << row.status();
    const bool wants = text.Wants(flow, now_);
    EXPECT_EQ(wants, query.Wants(*row)) << line;
    return wants;
  }

  const Names names_{bulkhead::testing::MakeShopView()};
  const FlowQuery any_;
  FlowText text_{names_, any_};
  const Moment now_ = Moment::Now();
};

// The wire type is what clients read: whatever it lists is in the line, under that name, in that order.
TEST_F(FlowTextTest, LinesAreThoseOfTheWireType) {
  FlowRecord flow = MakeShopFlow(testing::kApi, Verdict::kAllow, testing::kDbIngress0, 200'500, 150'000);
  flow.source_port = 40001;
  flow.packets[1] = 1ull << 60;
  for (const char* change : {"", "closed"}) {
    for (const Verdict verdict : {Verdict::kAllow, Verdict::kDeny, Verdict::kWouldDeny}) {
      flow.verdict = verdict;
      const std::string line = LineOf(flow, change);
      const absl::StatusOr<FlowRow> row = ParseWire<FlowRow>(line);
      ASSERT_TRUE(row.ok()) << row.status();
      EXPECT_EQ(DumpJson(ToJson(*row)), line);
      EXPECT_EQ(row->change.value_or(""), change);
      EXPECT_EQ(row->verdict, VerdictName(verdict));
    }
  }
  const absl::StatusOr<FlowRow> row = ParseWire<FlowRow>(LineOf(flow));
  EXPECT_EQ(row->from, "shop/api");
  EXPECT_EQ(row->to_workload, "shop/db-1");
  EXPECT_EQ(row->from_address, "198.18.0.18");
  EXPECT_EQ(row->from_port, 40001);
  EXPECT_EQ(row->port, 5432);
  EXPECT_EQ(row->packets_back, 1ull << 60);
  EXPECT_EQ(row->bytes_to, 14u * 1024);
  EXPECT_NEAR(static_cast<double>(row->age_ms), 200'500, 1000);
  EXPECT_EQ(row->ingress_rule, "shop/db ingress[0]");
}

TEST_F(FlowTextTest, NamesAreEscaped) {
  auto view = testing::MakeShopView();
  view->identities[testing::kApi].service = "a\"\x1b\xff";
  const Names names(view);
  FlowText text(names, any_);
  std::string line;
  text.Append(MakeShopFlow(testing::kApi, Verdict::kAllow, testing::kDbIngress0, 1, 1), now_, {}, &line);
  const absl::StatusOr<FlowRow> row = ParseWire<FlowRow>(line);
  ASSERT_TRUE(row.ok()) << line;
  EXPECT_EQ(row->from, "shop/a\"\x1b\xef\xbf\xbd");
}

TEST_F(FlowTextTest, WantsWhatTheQueryWantsOfTheRow) {
  const FlowRecord flow = MakeShopFlow(testing::kApi, Verdict::kAllow, testing::kDbIngress0, 200'500, 150'000);
  EXPECT_TRUE(Wants({}, flow));
  EXPECT_TRUE(Wants({.ns = "shop", .service = {}, .verdict = {}}, flow));
  EXPECT_FALSE(Wants({.ns = "sho", .service = {}, .verdict = {}}, flow));
  EXPECT_TRUE(Wants({.ns = {}, .service = "shop/db", .verdict = {}}, flow));
  EXPECT_FALSE(Wants({.ns = {}, .service = "shop/web", .verdict = {}}, flow));
  EXPECT_TRUE(Wants({.ns = {}, .service = {}, .verdict = Verdict::kAllow}, flow));
  EXPECT_FALSE(Wants({.ns = {}, .service = {}, .verdict = Verdict::kDeny}, flow));
  EXPECT_TRUE(Wants({.ns = {}, .service = {}, .verdict = {}, .since_ms = 160'000}, flow));
  EXPECT_FALSE(Wants({.ns = {}, .service = {}, .verdict = {}, .since_ms = 140'000}, flow));
  FlowRecord outside = flow;
  outside.source_identity = kIdentityWorld;
  EXPECT_TRUE(Wants({.ns = "shop", .service = "world", .verdict = {}}, outside)) << "one side each";
  EXPECT_FALSE(Wants({.ns = "shop", .service = "host", .verdict = {}}, outside));
}

TEST(FlowTextAddressTest, IsWrittenAsInetNtopDoes) {
  std::mt19937 random(1);
  for (int i = 0; i < 200'000; ++i) {
    IpAddress address;
    address.family = random() % 4 == 0 ? 4 : 6;
    const uint32_t zeros = random(), ones = random();
    for (size_t byte = 0; byte < (address.IsV4() ? 4u : 16u); ++byte) {
      if ((zeros >> (byte / 2) & 1) != 0) continue;
      address.bytes[byte] = (ones >> byte & 3) == 0 ? 0xff : static_cast<uint8_t>(random());
    }
    std::string text;
    AppendAddress(address, &text);
    ASSERT_EQ(text, address.ToString());
  }
  for (const char* text : {"::", "::1", "::ffff:1.2.3.4", "::1.2.3.4", "1::", "fd00::1:0:0:1", "0:1::", "::ffff:0:0", "64:ff9b::102:304"}) {
    std::string out;
    AppendAddress(*IpAddress::Parse(text), &out);
    EXPECT_EQ(out, IpAddress::Parse(text)->ToString());
  }
}

}  // namespace
}  // namespace bulkhead::api

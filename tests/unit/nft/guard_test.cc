// SPDX-License-Identifier: Apache-2.0
#include "dataplane/nft/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/lab/netns.h"

namespace bulkhead::nft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Lets through, and remembers: how many transactions, how many messages in the last. `fail`: the next so many are refused.
class RecordingWriter : public KernelWriter {
 public:
  absl::Status CommitRules(const char* op, NetlinkSocket& socket, std::span<uint8_t> batch) override {
    ops.push_back(op);
    messages = 0;
    int left = static_cast<int>(batch.size());
    for (auto* at = reinterpret_cast<const nlmsghdr*>(batch.data()); mnl_nlmsg_ok(at, left); at = mnl_nlmsg_next(at, &left))
      ++messages;
    if (fail > 0) return --fail, absl::InternalError("refused");
    return KernelWriter::CommitRules(op, socket, batch);
  }
  std::vector<std::string> ops;
  int messages = 0;
  int fail = 0;
};

class GuardTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = lab::WhyNoNamespaces(); !why.empty()) GTEST_SKIP() << why;
    auto netns = lab::TestNetns::Create();
    ASSERT_TRUE(netns.ok()) << netns.status();
    netns_ = *std::move(netns);
    auto guard = Guard::Open(writer_);
    ASSERT_TRUE(guard.ok()) << guard.status();
    guard_ = *std::move(guard);
    const absl::Status probe = guard_->Bring({TableRules{}, std::nullopt});
    if (absl::IsUnimplemented(probe)) GTEST_SKIP() << probe;
    ASSERT_TRUE(probe.ok()) << probe;
    ASSERT_TRUE(guard_->Bring({}).ok());
    writer_.ops.clear();
  }
  std::string Listing(const std::string& family = "bridge") {
    const auto out = netns_->Output({"nft", "list", "table", family, "bulkhead"});
    return out.ok() ? *out : "";
  }
  void Nft(const std::string& command) {
    const absl::Status status = netns_->Command({"nft", command});
    EXPECT_TRUE(status.ok()) << status;
  }

  RecordingWriter writer_;
  std::unique_ptr<lab::TestNetns> netns_;
  std::unique_ptr<Guard> guard_;
};

TableRules SomeRules() {
  TableRules rules;
  rules.managed = {{7, "v-web"}, {8, "v-db"}};
  rules.exempt = {{9, "lxc1"}};
  rules.exempt_names = {"vnet0"};
  rules.patterns = {"tap-", "virbr"};
  rules.bridges = {"virbr0"};
  return rules;
}

TEST_F(GuardTest, OneTransactionMakesATable) {
  ASSERT_TRUE(guard_->Bring({SomeRules(), std::nullopt}).ok());
  EXPECT_THAT(writer_.ops.size(), testing::Le(2u)) << "one, or one more where `meta ibrname` is missing";
  const std::string text = Listing();
  for (const char* part : {"hook forward", "hook input", "hook output", "@managed jump from", "@managed jump to", "7 . \"v-web\"",
                           "8 . \"v-db\"", "9 . \"lxc1\"", "\"vnet0\"", "iifname \"tap-*\" return", "oifname \"virbr*\" return",
                           "counter name \"from\" drop", "counter name \"to\" drop"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_EQ(Listing("inet"), "");
}

TEST_F(GuardTest, ReadsBackWhatItWrote) {
  const TableRules rules = SomeRules();
  TableRules routed;
  routed.managed = {{7, "v-web"}};
  ASSERT_TRUE(guard_->Bring({rules, routed}).ok());
  EXPECT_THAT(Listing("inet"), HasSubstr("hook prerouting"));
  const auto found = guard_->Read();
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_TRUE(found->bridge.has_value() && found->routed.has_value());
  EXPECT_EQ(found->bridge->managed, rules.managed);
  EXPECT_EQ(found->bridge->exempt, rules.exempt);
  EXPECT_EQ(found->bridge->exempt_names, rules.exempt_names);
  EXPECT_EQ(found->routed->managed, routed.managed);
}

TEST_F(GuardTest, SetsChangeByElement) {
  TableRules rules = SomeRules();
  ASSERT_TRUE(guard_->Bring({rules, std::nullopt}).ok());
  writer_.ops.clear();
  rules.managed.erase({7, "v-web"});
  rules.managed.insert({10, "v-api"});
  ASSERT_TRUE(guard_->Bring({rules, std::nullopt}).ok());
  EXPECT_THAT(writer_.ops, ElementsAre("guard-bridge"));
  EXPECT_EQ(writer_.messages, 4) << "begin, one element out, one in, end";
  EXPECT_EQ(guard_->Read()->bridge->managed, rules.managed);
  ASSERT_TRUE(guard_->Bring({rules, std::nullopt}).ok());
  EXPECT_EQ(writer_.ops.size(), 1u) << "nothing changed";
}

TEST_F(GuardTest, PatternsChangeWithTheWholeTable) {
  TableRules rules = SomeRules();
  ASSERT_TRUE(guard_->Bring({rules, std::nullopt}).ok());
  rules.patterns = {"vmtap"};
  ASSERT_TRUE(guard_->Bring({rules, std::nullopt}).ok());
  EXPECT_GT(writer_.messages, 20);
  EXPECT_THAT(Listing(), HasSubstr("iifname \"vmtap*\" return"));
  EXPECT_THAT(Listing(), Not(HasSubstr("tap-*")));
}

TEST_F(GuardTest, AChangeOnTopOfSomebodyElsesIsMadeWhole) {
  TableRules rules = SomeRules();
  ASSERT_TRUE(guard_->Bring({rules, std::nullopt}).ok());
  Nft("flush set bridge bulkhead managed");
  rules.managed.erase({7, "v-web"});
  ASSERT_TRUE(guard_->Bring({rules, std::nullopt}).ok());
  EXPECT_EQ(guard_->Read()->bridge->managed, rules.managed);
}

TEST_F(GuardTest, ManyInterfaces) {
  TableRules rules;
  for (uint32_t i = 1; i <= 5000; ++i) rules.managed.insert({i, "veth" + std::to_string(i)});
  const absl::Status status = guard_->Bring({rules, rules});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(guard_->Read()->bridge->managed.size(), 5000u);
  EXPECT_EQ(guard_->Read()->routed->managed, rules.managed);
}

TEST_F(GuardTest, NoTransactionNoTrace) {
  ASSERT_TRUE(guard_->Bring({SomeRules(), std::nullopt}).ok());
  const std::string before = Listing();
  writer_.fail = 4;
  TableRules rules = SomeRules();
  rules.managed.clear();
  EXPECT_FALSE(guard_->Bring({rules, std::nullopt}).ok());
  EXPECT_EQ(Listing(), before);
  writer_.fail = 0;
  ASSERT_TRUE(guard_->Bring({rules, std::nullopt}).ok());
  EXPECT_THAT(guard_->Read()->bridge->managed, IsEmpty());
}

TEST_F(GuardTest, RemovedWithoutATrace) {
  ASSERT_TRUE(guard_->Bring({SomeRules(), SomeRules()}).ok());
  ASSERT_TRUE(guard_->Bring({}).ok());
  const auto ruleset = netns_->Output({"nft", "list", "ruleset"});
  EXPECT_EQ(*ruleset, "");
}

TEST_F(GuardTest, CountersGoOnWhenTheTableIsReplaced) {
  ASSERT_TRUE(guard_->Bring({SomeRules(), std::nullopt}).ok());
  Nft("delete table bridge bulkhead; add table bridge bulkhead; add counter bridge bulkhead from { packets 41 bytes 1 }");
  ASSERT_TRUE(guard_->PutBack({SomeRules(), std::nullopt}).ok());
  EXPECT_EQ(guard_->ReadDropped()->from, 41u);
  EXPECT_THAT(Listing(), HasSubstr("packets 41"));
  Nft("flush ruleset");
  EXPECT_TRUE(absl::IsNotFound(guard_->ReadDropped().status()));
  ASSERT_TRUE(guard_->PutBack({SomeRules(), std::nullopt}).ok());
  EXPECT_EQ(guard_->ReadDropped()->from, 41u) << "as last read";
}

TEST_F(GuardTest, AnotherObjectTakesOver) {
  ASSERT_TRUE(guard_->Bring({SomeRules(), std::nullopt}).ok());
  auto next = Guard::Open(writer_);
  ASSERT_TRUE(next.ok());
  EXPECT_EQ((*next)->Read()->bridge->managed, SomeRules().managed);
  TableRules rules = SomeRules();
  rules.managed = {{8, "v-db"}};
  ASSERT_TRUE((*next)->Bring({rules, std::nullopt}).ok());
  EXPECT_EQ((*next)->Read()->bridge->managed, rules.managed);
}

TEST_F(GuardTest, TheMonitorTellsOfOthersOnly) {
  auto monitor = GuardMonitor::Open(guard_->port());
  ASSERT_TRUE(monitor.ok()) << monitor.status();
  TableRules rules = SomeRules();
  ASSERT_TRUE(guard_->Bring({rules, std::nullopt}).ok());
  rules.managed.insert({11, "v-x"});
  ASSERT_TRUE(guard_->Bring({rules, std::nullopt}).ok());
  EXPECT_FALSE(monitor->Drain()) << "our own";
  Nft("add table inet theirs; add chain inet theirs c; add table ip bulkhead; delete table inet theirs");
  EXPECT_FALSE(monitor->Drain()) << "not about ours";
  for (const char* command : {"flush set bridge bulkhead managed", "add element bridge bulkhead managed { 99 . \"evil\" }",
                              "flush chain bridge bulkhead from", "flush ruleset"}) {
    Nft(command);
    EXPECT_TRUE(monitor->Drain()) << command;
    EXPECT_FALSE(monitor->Drain()) << "told once";
    ASSERT_TRUE(guard_->PutBack({rules, std::nullopt}).ok());
    EXPECT_FALSE(monitor->Drain()) << "our own again";
    EXPECT_EQ(guard_->Read()->bridge->managed, rules.managed);
  }
}

TEST_F(GuardTest, FoundAndRemovedByOthers) {
  EXPECT_TRUE(FindTables()->empty());
  ASSERT_TRUE(guard_->Bring({SomeRules(), SomeRules()}).ok());
  const auto tables = FindTables();
  ASSERT_EQ(tables->size(), 2u);
  EXPECT_EQ((*tables)[0].text, "nftables table bridge bulkhead");
  for (const InstalledTable& table : *tables) EXPECT_TRUE(RemoveTable(writer_, table.family).ok());
  EXPECT_TRUE(FindTables()->empty());
}

}  // namespace
}  // namespace bulkhead::nft

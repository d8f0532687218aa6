// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/block_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bulkhead/abi/uplink.h"
#include "tests/unit/daemon/fakes.h"

namespace bulkhead {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

Prefix P(const std::string& text) { return *Prefix::Parse(text); }

class BlockListTest : public testing::Test {
 protected:
  BlockListTest() { uplinks_.attached = {2}; }
  void Restart() {
    list_ = std::make_unique<BlockList>(store_.get(), &uplinks_);
    list_->Tick(1000);
  }

  std::unique_ptr<Store> store_ = *Store::Open(":memory:");
  FakeUplinks uplinks_;
  std::unique_ptr<BlockList> list_ = std::make_unique<BlockList>(store_.get(), &uplinks_);
};

TEST_F(BlockListTest, AddAndRemove) {
  const auto added = list_->Add(P("203.0.113.7/24"), 0, 1000);
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_THAT(added->changes, ElementsAre("203.0.113.0/24 blocked until it is removed"));
  EXPECT_THAT(added->notes, IsEmpty());
  ASSERT_TRUE(list_->Add(P("2001:db8::/32"), 60, 1001).ok());
  EXPECT_THAT(uplinks_.blocked, UnorderedElementsAre(P("203.0.113.0/24"), P("2001:db8::/32")));
  ASSERT_EQ(list_->View()->size(), 2u);
  EXPECT_EQ((*list_->View())[1].since, 1001u);
  EXPECT_EQ((*list_->View())[1].until, 1061u);
  ASSERT_TRUE(list_->Remove(P("203.0.113.0/24")).ok());
  EXPECT_THAT(uplinks_.blocked, ElementsAre(P("2001:db8::/32")));
  EXPECT_TRUE(absl::IsNotFound(list_->Remove(P("203.0.113.0/24")).status()));
}

TEST_F(BlockListTest, EverythingMayBeBlocked) {
  ASSERT_TRUE(list_->Add(P("0.0.0.0/0"), 0, 1000).ok());
  ASSERT_TRUE(list_->Add(P("198.51.100.0/24"), 0, 1000).ok());
  const auto removed = list_->Remove(P("198.51.100.0/24"));
  ASSERT_TRUE(removed.ok());
  EXPECT_THAT(removed->notes, ElementsAre("still blocked, within 0.0.0.0/0"));
}

TEST_F(BlockListTest, EndsByItself) {
  ASSERT_TRUE(list_->Add(P("203.0.113.0/24"), 10, 1000).ok());
  EXPECT_FALSE(list_->Tick(1009));
  EXPECT_TRUE(list_->Tick(1010));
  EXPECT_THAT(uplinks_.blocked, IsEmpty());
  EXPECT_THAT(*list_->View(), IsEmpty());
  Restart();
  EXPECT_THAT(*list_->View(), IsEmpty()) << "the store knows, too";
}

TEST_F(BlockListTest, ASecondAddSetsANewEnd) {
  ASSERT_TRUE(list_->Add(P("203.0.113.0/24"), 10, 1000).ok());
  const auto again = list_->Add(P("203.0.113.0/24"), 0, 1005);
  ASSERT_TRUE(again.ok());
  EXPECT_THAT(again->changes, ElementsAre(HasSubstr("already; now until it is removed")));
  list_->Tick(2000);
  EXPECT_EQ(list_->View()->size(), 1u);
  EXPECT_EQ(list_->View()->front().since, 1000u);
}

TEST_F(BlockListTest, OutlivesTheDaemon) {
  ASSERT_TRUE(list_->Add(P("203.0.113.0/24"), 0, 900).ok());
  ASSERT_TRUE(list_->Add(P("198.51.100.0/24"), 50, 900).ok());
  ASSERT_TRUE(list_->Add(P("2001:db8::/32"), 500, 900).ok());
  uplinks_.blocked = {P("192.0.2.0/24")};
  Restart();
  EXPECT_THAT(uplinks_.blocked, UnorderedElementsAre(P("203.0.113.0/24"), P("2001:db8::/32"))) << "what ended meanwhile is gone";
  EXPECT_EQ(list_->View()->back().until, 1400u);
  EXPECT_EQ(list_->problem(), "");
}

TEST_F(BlockListTest, WhatCannotBeReadIsToldAndTheRestKept) {
  ASSERT_TRUE(store_->Set("blocked", "1 0 203.0.113.0/24\n1 x 198.51.100.0/24\n1 0 nonsense\n1 0 2001:db8::/32").ok());
  Restart();
  EXPECT_THAT(uplinks_.blocked, UnorderedElementsAre(P("203.0.113.0/24"), P("2001:db8::/32")));
  EXPECT_THAT(list_->problem(), HasSubstr("cannot be read"));
}

TEST_F(BlockListTest, TheDataplaneRefuses) {
  ASSERT_TRUE(list_->Add(P("203.0.113.0/24"), 0, 1000).ok());
  uplinks_.blocked_status = absl::InternalError("no");
  EXPECT_FALSE(list_->Add(P("198.51.100.0/24"), 0, 1000).ok());
  EXPECT_EQ(list_->View()->size(), 1u);
  list_->Tick(1001);
  EXPECT_THAT(list_->problem(), HasSubstr("no"));
  uplinks_.blocked_status = absl::OkStatus();
  list_->Tick(1002);
  EXPECT_EQ(list_->problem(), "");
  Restart();
  EXPECT_THAT(uplinks_.blocked, ElementsAre(P("203.0.113.0/24")));
}

TEST_F(BlockListTest, IsBounded) {
  std::string text;
  for (uint32_t i = 0; i < BH_MAX_BLOCKED; ++i) {
    text += "1 0 10." + std::to_string(i >> 8) + "." + std::to_string(i & 255) + ".0/24\n";
  }
  ASSERT_TRUE(store_->Set("blocked", text).ok());
  Restart();
  const absl::Status full = list_->Add(P("203.0.113.0/24"), 0, 1000).status();
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_THAT(std::string(full.message()), HasSubstr("16384 of 16384 prefixes"));
  EXPECT_TRUE(list_->Add(P("10.0.0.0/24"), 5, 1000).ok()) << "one that is there";
  ASSERT_TRUE(list_->Remove(P("10.0.0.0/24")).ok());
  EXPECT_TRUE(list_->Add(P("203.0.113.0/24"), 0, 1000).ok());
}

TEST_F(BlockListTest, SaysWhenNothingIsDropped) {
  uplinks_.attached.clear();
  EXPECT_THAT(list_->Add(P("203.0.113.0/24"), 0, 1000)->notes, ElementsAre(HasSubstr("no uplink is known")));
  uplinks_.wanted = UplinkHook::kNone;
  EXPECT_THAT(list_->Add(P("203.0.113.0/24"), 0, 1000)->notes, ElementsAre(HasSubstr("uplink_hook: none")));
}

}  // namespace
}  // namespace bulkhead

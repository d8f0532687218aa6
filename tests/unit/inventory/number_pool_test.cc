// SPDX-License-Identifier: Apache-2.0
#include "controlplane/inventory/number_pool.h"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

TEST(NumberPoolTest, GivesEachOnceAndThenNone) {
  NumberPool pool(1, 3, 10);
  EXPECT_EQ(pool.Allocate(0), 1);
  EXPECT_EQ(pool.Allocate(0), 2);
  EXPECT_EQ(pool.Allocate(0), 3);
  EXPECT_EQ(pool.Allocate(0), std::nullopt);
}

TEST(NumberPoolTest, RestsAndThenGivesTheLongestResting) {
  NumberPool pool(1, 2, 10);
  pool.Allocate(0);
  pool.Allocate(0);
  pool.Release(2, 100);
  pool.Release(1, 105);
  EXPECT_EQ(pool.Allocate(109), std::nullopt);
  EXPECT_EQ(pool.Allocate(110), 2);
  EXPECT_EQ(pool.Allocate(114), std::nullopt);
  EXPECT_EQ(pool.Allocate(115), 1);
}

TEST(NumberPoolTest, TakenNumbersArePassedOverAndRestWhenTheyComeBack) {
  NumberPool pool(1, 3, 10);
  EXPECT_TRUE(pool.Take(2));
  EXPECT_FALSE(pool.Take(2));
  EXPECT_FALSE(pool.Take(0));
  EXPECT_FALSE(pool.Take(4));
  pool.Release(2, 100);
  EXPECT_EQ(pool.Allocate(101), 1);
  EXPECT_EQ(pool.Allocate(101), 3);
  EXPECT_EQ(pool.Allocate(101), std::nullopt) << "2 is at rest, though it was never given out in its turn";
  EXPECT_EQ(pool.Allocate(110), 2);
}

TEST(NumberPoolTest, ReleasingWhatIsNotInUseChangesNothing) {
  NumberPool pool(1, 1, 10);
  pool.Release(1, 0);
  EXPECT_EQ(pool.Allocate(100), 1);
  EXPECT_EQ(pool.Allocate(100), std::nullopt);
}

}  // namespace
}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
// Writing whole stretches of BPF maps, on real ones.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "dataplane/kernel/bpf_map.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {
namespace {

class MapTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "BPF maps need root";
  }
  UniqueFd Make(bpf_map_type type, uint32_t value_size, uint32_t entries, uint32_t flags) {
    auto map = writer_.CreateMap(type, "map_test", 4, value_size, entries, flags);
    EXPECT_TRUE(map.ok()) << map.status();
    return map.ok() ? *std::move(map) : UniqueFd();
  }
  static uint64_t At(int map, uint32_t index) { return ReadElement<uint32_t, uint64_t>(map, index).value(); }

  KernelWriter writer_;
};

TEST_F(MapTest, AnArrayIsWrittenWhereThePiecesSayAndNowhereElse) {
  constexpr uint32_t kEntries = 100000;  // of 8 bytes: 195 pages and a third
  const UniqueFd map = Make(BPF_MAP_TYPE_ARRAY, 8, kEntries, BPF_F_MMAPABLE);
  std::vector<uint64_t> values(3000);
  std::iota(values.begin(), values.end(), 1);
  const uint64_t last = 77;
  const std::vector<ArrayPiece> pieces = {{uint64_t{5000} * 8, values.data(), values.size() * 8},
                                          {uint64_t{kEntries - 1} * 8, &last, 8},
                                          {uint64_t{4000} * 8, &last, 8},
                                          {uint64_t{7} * 8, nullptr, 0}};
  const uint64_t before = writer_.sequence();
  ASSERT_TRUE(writer_.WriteArray(map.get(), pieces).ok());
  EXPECT_EQ(writer_.sequence(), before + 1) << "one change, for whoever counts them";
  for (uint32_t i = 0; i < kEntries; ++i) {
    const uint64_t expected = i == 4000 || i == kEntries - 1 ? last : i >= 5000 && i < 8000 ? i - 4999 : 0;
    ASSERT_EQ(At(map.get(), i), expected) << i;
  }
  EXPECT_TRUE(writer_.WriteArray(map.get(), {}).ok());
}

TEST_F(MapTest, AnArrayMustBeThereAndLetItselfBeMapped) {
  const uint64_t value = 1;
  const UniqueFd plain = Make(BPF_MAP_TYPE_ARRAY, 8, 16, 0);
  EXPECT_FALSE(writer_.WriteArray(plain.get(), {{0, &value, 8}}).ok());
  const UniqueFd small = Make(BPF_MAP_TYPE_ARRAY, 8, 512, BPF_F_MMAPABLE);
  EXPECT_FALSE(writer_.WriteArray(small.get(), {{4096, &value, 8}}).ok()) << "behind its end";
  EXPECT_FALSE(writer_.WriteArray(-1, {{0, &value, 8}}).ok());
}

TEST_F(MapTest, AHashIsEmptied) {
  for (const bpf_map_type type : {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH}) {
    const UniqueFd map = Make(type, 8, 32768, 0);
    const auto count = [&] {
      size_t seen = 0;
      const auto add = [&](uint32_t, uint64_t) { return ++seen > 0; };
      EXPECT_TRUE((ForEachInHash<uint32_t, uint64_t>(map.get(), add).ok()));
      return seen;
    };
    for (uint32_t key = 0; key < 10000; ++key) {
      const uint64_t value = key;
      ASSERT_TRUE(writer_.UpdateElement(map.get(), &key, &value).ok());
    }
    ASSERT_EQ(count(), 10000u);
    ASSERT_TRUE(writer_.EmptyHash(map.get()).ok());
    EXPECT_EQ(count(), 0u);
    EXPECT_TRUE(writer_.EmptyHash(map.get()).ok()) << "there was nothing";
  }
}

}  // namespace
}  // namespace bulkhead

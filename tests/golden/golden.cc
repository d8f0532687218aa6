// SPDX-License-Identifier: Apache-2.0
#include "tests/golden/golden.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"
#include "tests/places/places.h"

namespace bulkhead {

void ExpectGolden(std::string_view name, std::string_view text) {
  const std::filesystem::path path = SourcePath(std::string("tests/data/golden/").append(name));
  const char* const wish = std::getenv("BULKHEAD_GOLDEN");
  if (wish != nullptr && std::string_view(wish) == "write") {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream out(path, std::ios::binary);
    out << text;
    out.close();
    EXPECT_TRUE(out.good()) << path << " cannot be written";
    return;
  }
  std::ifstream in(path, std::ios::binary);
  ASSERT_TRUE(in.good()) << path << " cannot be read; BULKHEAD_GOLDEN=write makes it";
  const std::string expected{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  EXPECT_EQ(expected, text) << "of " << path << "; if the new text is right: BULKHEAD_GOLDEN=write";
}

}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/seeds.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/places/places.h"

namespace bulkhead {

namespace fs = std::filesystem;

std::vector<std::string> FilesBelow(std::string_view folder) {
  std::vector<fs::path> paths;
  std::error_code missing;
  for (const auto& entry : fs::recursive_directory_iterator(SourcePath(folder), missing)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> out;
  for (const fs::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    out.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return out;
}

std::vector<std::string> WithFound(std::vector<std::string> seeds, std::string_view target) {
  for (std::string& found : FilesBelow("tests/fuzz/found/" + std::string(target))) seeds.push_back(std::move(found));
  return seeds;
}

}  // namespace bulkhead

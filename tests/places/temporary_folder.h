// SPDX-License-Identifier: Apache-2.0
// A folder that nobody else has, neither a test that runs at the same time nor one that was killed before. Gone with the object.
#ifndef BULKHEAD_TESTS_PLACES_TEMPORARY_FOLDER_H_
#define BULKHEAD_TESTS_PLACES_TEMPORARY_FOLDER_H_

#include <filesystem>

namespace bulkhead {

class TemporaryFolder {
 public:
  TemporaryFolder();  // throws std::filesystem::filesystem_error
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_PLACES_TEMPORARY_FOLDER_H_

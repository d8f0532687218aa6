// SPDX-License-Identifier: Apache-2.0
// Where the seeds of fuzzing come from. Any thread.
#ifndef BULKHEAD_TESTS_FUZZ_SEEDS_H_
#define BULKHEAD_TESTS_FUZZ_SEEDS_H_

#include <string>
#include <string_view>
#include <vector>

namespace bulkhead {

// The contents of the files below a folder of the project, in the order of their paths.
std::vector<std::string> FilesBelow(std::string_view folder);

// With the inputs that once failed: tests/fuzz/found/TARGET.
std::vector<std::string> WithFound(std::vector<std::string> seeds, std::string_view target);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_FUZZ_SEEDS_H_

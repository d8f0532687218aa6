// SPDX-License-Identifier: Apache-2.0
// Golden files: what a program printed when somebody last looked at it and found it right. Any thread.
#ifndef BULKHEAD_TESTS_GOLDEN_GOLDEN_H_
#define BULKHEAD_TESTS_GOLDEN_GOLDEN_H_

#include <string_view>

namespace bulkhead {

// A test failure unless the text is exactly that of tests/data/golden/NAME ("explain/admin-deny.txt"). With the environment
// variable BULKHEAD_GOLDEN=write the file is made to say what the text says instead: then look at the difference before it is
// committed.
void ExpectGolden(std::string_view name, std::string_view text);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_GOLDEN_GOLDEN_H_

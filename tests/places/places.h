// SPDX-License-Identifier: Apache-2.0
// Where tests find the project's files. Any thread.
#ifndef BULKHEAD_TESTS_PLACES_PLACES_H_
#define BULKHEAD_TESTS_PLACES_PLACES_H_

#include <string>
#include <string_view>

namespace bulkhead {

// An absolute path of a file of the project's source tree; path is relative to its root.
std::string SourcePath(std::string_view path);

// An absolute path of a built program, or of what is built to be loaded by one.
std::string ProgramPath(std::string_view name);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_PLACES_PLACES_H_

// SPDX-License-Identifier: Apache-2.0
#include "tests/places/places.h"

namespace bulkhead {

std::string SourcePath(std::string_view path) { return std::string(BULKHEAD_SOURCE_DIR "/").append(path); }

std::string ProgramPath(std::string_view name) { return std::string(BULKHEAD_BIN_DIR "/").append(name); }

}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/json.h"

#include "absl/strings/str_cat.h"

namespace bulkhead::api {

absl::StatusOr<Json> ParseJson(std::string_view text) {
  bool too_deep = false;
  const auto watch_depth = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMaxJsonDepth;
    return !too_deep;  // false: what was read is thrown away, so that depth costs no memory
  };
  Json json = Json::parse(text, watch_depth, /*allow_exceptions=*/false);
  if (too_deep) return absl::InvalidArgumentError(absl::StrCat("JSON is nested deeper than ", kMaxJsonDepth));
  if (json.is_discarded()) return absl::InvalidArgumentError("not valid JSON");
  return json;
}

std::string DumpJson(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

std::string DumpJsonIndented(const Json& json) { return json.dump(2, ' ', true, Json::error_handler_t::replace); }

namespace internal {

absl::Status WrongType(std::string_view field, const Json& found, std::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat("\"", std::string(field), "\": found ",
                                                 found.is_null() ? "nothing" : found.type_name(), ", expected ",
                                                 std::string(expected)));
}

}  // namespace internal

}  // namespace bulkhead::api

// SPDX-License-Identifier: Apache-2.0
#include "controlplane/runtime/json_reader.h"

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

// Counts brackets and commas outside strings: as many as there are values, but for one. Says nothing about whether it is JSON.
absl::Status CheckShape(std::string_view text, const JsonLimits& limits) {
  size_t values = 1;
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == ',' || c == '[' || c == '{') ++values;
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (depth > limits.depth) return absl::InvalidArgumentError(absl::StrCat("JSON nested deeper than ", limits.depth));
    if (values > limits.values) return absl::InvalidArgumentError(absl::StrCat("JSON of more than ", limits.values, " values"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes) return absl::InvalidArgumentError(absl::StrCat("JSON of more than ", limits.bytes, " bytes"));
  if (absl::Status shape = CheckShape(text, limits); !shape.ok()) return shape;
  nlohmann::json out = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (out.is_discarded()) return absl::InvalidArgumentError(absl::StrCat("not JSON (", text.size(), " bytes)"));
  return out;
}

void JsonReader::Expect(bool holds, std::string_view what) {
  if (!holds && status_.ok()) status_ = absl::InvalidArgumentError(absl::StrCat("wrong JSON: ", std::string(what)));
}

const nlohmann::json* JsonReader::Member(const Json& object, const char* key) {
  Expect(object.is_object(), absl::StrCat("expected an object that has ", key));
  if (!object.is_object()) return nullptr;
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

std::string JsonReader::String(const Json& object, const char* key) {
  const Json* member = Member(object, key);
  if (member == nullptr) return "";
  Expect(member->is_string(), absl::StrCat(key, " is no string"));
  return member->is_string() ? member->get_ref<const std::string&>() : "";
}

int64_t JsonReader::Int(const Json& object, const char* key) {
  const Json* member = Member(object, key);
  if (member == nullptr) return 0;
  Expect(member->is_number_integer(), absl::StrCat(key, " is no integer"));
  return member->is_number_integer() ? member->get<int64_t>() : 0;
}

bool JsonReader::Bool(const Json& object, const char* key) {
  const Json* member = Member(object, key);
  if (member == nullptr) return false;
  Expect(member->is_boolean(), absl::StrCat(key, " is no boolean"));
  return member->is_boolean() && member->get<bool>();
}

const nlohmann::json& JsonReader::Object(const Json& object, const char* key) {
  static const Json kEmpty = Json::object();
  const Json* member = Member(object, key);
  if (member == nullptr) return kEmpty;
  Expect(member->is_object(), absl::StrCat(key, " is no object"));
  return member->is_object() ? *member : kEmpty;
}

const nlohmann::json& JsonReader::Array(const Json& object, const char* key) {
  static const Json kEmpty = Json::array();
  const Json* member = Member(object, key);
  if (member == nullptr) return kEmpty;
  Expect(member->is_array(), absl::StrCat(key, " is no array"));
  return member->is_array() ? *member : kEmpty;
}

}  // namespace bulkhead

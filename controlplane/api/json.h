// SPDX-License-Identifier: Apache-2.0
// JSON of the wire types: bounded parsing, and encode and decode along each type's Fields. No exception leaves these functions.
#ifndef BULKHEAD_CONTROLPLANE_API_JSON_H_
#define BULKHEAD_CONTROLPLANE_API_JSON_H_

#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace bulkhead::api {

using Json = nlohmann::ordered_json;  // fields come out in the order of Fields

inline constexpr int kMaxJsonDepth = 32;

// kInvalidArgument: not JSON, or nested deeper than kMaxJsonDepth.
absl::StatusOr<Json> ParseJson(std::string_view text);

// One line, ASCII only: bytes that are no UTF-8 become U+FFFD, and nothing in it can steer a terminal.
std::string DumpJson(const Json& json);
std::string DumpJsonIndented(const Json& json);

namespace internal {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsMap : std::false_type {};
template <class T>
struct IsMap<std::map<std::string, T>> : std::true_type {};

struct NoVisitor {
  template <class T>
  void operator()(const char*, T&) {}
};
template <class T>
concept Wire = requires(T& value) {
  T::Fields(value, NoVisitor{});
};

absl::Status WrongType(std::string_view field, const Json& found, std::string_view expected);

}  // namespace internal

template <class T>
Json ToJson(const T& value) {
  if constexpr (internal::Wire<const T>) {
    Json out = Json::object();
    T::Fields(value, [&out]<class F>(const char* name, const F& field) {
      if constexpr (internal::IsOptional<F>::value) {
        if (field) out[name] = ToJson(*field);
      } else {
        out[name] = ToJson(field);
      }
    });
    return out;
  } else if constexpr (internal::IsVector<T>::value) {
    Json out = Json::array();
    for (const auto& item : value) out.push_back(ToJson(item));
    return out;
  } else if constexpr (internal::IsMap<T>::value) {
    Json out = Json::object();
    for (const auto& [key, item] : value) out[key] = ToJson(item);
    return out;
  } else {
    return Json(value);
  }
}

// kInvalidArgument names the field whose type or range is wrong.
template <class T>
absl::Status DecodeJson(const Json& json, std::string_view name, T* out) {
  if constexpr (internal::Wire<T>) {
    if (!json.is_object()) return internal::WrongType(name, json, "object");
    absl::Status status;
    T::Fields(*out, [&]<class F>(const char* field_name, F& field) {
      const auto at = json.find(field_name);
      if (status.ok() && at != json.end() && !at->is_null()) status = DecodeJson(*at, field_name, &field);
    });
    return status;
  } else if constexpr (internal::IsOptional<T>::value) {
    return DecodeJson(json, name, &out->emplace());
  } else if constexpr (internal::IsVector<T>::value) {
    if (!json.is_array()) return internal::WrongType(name, json, "array");
    for (const Json& item : json) {
      if (absl::Status status = DecodeJson(item, name, &out->emplace_back()); !status.ok()) return status;
    }
    return absl::OkStatus();
  } else if constexpr (internal::IsMap<T>::value) {
    if (!json.is_object()) return internal::WrongType(name, json, "object");
    for (const auto& [key, item] : json.items()) {
      if (absl::Status status = DecodeJson(item, key, &(*out)[key]); !status.ok()) return status;
    }
    return absl::OkStatus();
  } else if constexpr (std::same_as<T, std::string>) {
    if (!json.is_string()) return internal::WrongType(name, json, "string");
    *out = *json.get_ptr<const std::string*>();
    return absl::OkStatus();
  } else if constexpr (std::same_as<T, bool>) {
    if (!json.is_boolean()) return internal::WrongType(name, json, "true or false");
    *out = *json.get_ptr<const bool*>();
    return absl::OkStatus();
  } else if constexpr (std::unsigned_integral<T>) {
    if (!json.is_number_unsigned()) return internal::WrongType(name, json, "number, 0 or more");
    const auto number = *json.get_ptr<const Json::number_unsigned_t*>();
    if (number > std::numeric_limits<T>::max()) return internal::WrongType(name, json, "smaller number");
    *out = static_cast<T>(number);
    return absl::OkStatus();
  } else if constexpr (std::same_as<T, double>) {
    if (!json.is_number()) return internal::WrongType(name, json, "number");
    *out = json.get<double>();
    return absl::OkStatus();
  } else {
    static_assert(std::same_as<T, int64_t>, "no JSON form for this type");
    if (!json.is_number_integer()) return internal::WrongType(name, json, "whole number");
    *out = json.get<int64_t>();
    return absl::OkStatus();
  }
}

template <class T>
absl::StatusOr<T> FromJson(const Json& json) {
  T out;
  if (absl::Status status = DecodeJson(json, "body", &out); !status.ok()) return status;
  return out;
}

template <class T>
absl::StatusOr<T> ParseWire(std::string_view text) {
  absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok()) return json.status();
  return FromJson<T>(*json);
}

}  // namespace bulkhead::api

#endif  // BULKHEAD_CONTROLPLANE_API_JSON_H_

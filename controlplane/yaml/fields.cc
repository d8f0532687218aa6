// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "controlplane/yaml/node.h"

namespace bulkhead::yaml {

Fields::Fields(const Node& node, std::string file, std::string what, std::vector<std::string>* errors)
    : node_(&node), file_(std::move(file)), what_(std::move(what)), errors_(errors) {
  if (node.kind == Node::Kind::kMap) return;
  AddError(file_, node, absl::StrCat(Prefix(), "found ", Describe(node), ", expected a map"), errors_);
  node_ = nullptr;
}

std::string Fields::Prefix() const { return what_.empty() ? "" : what_ + ": "; }

void Fields::Expected(const Node& value, std::string_view name, const std::string& expected) {
  const std::string path = what_.empty() ? std::string(name) : what_ + "." + std::string(name);
  AddError(file_, value, absl::StrCat(path, ": found ", Describe(value), ", expected ", expected), errors_);
}

const Node* Fields::Get(std::string_view name, Need need) {
  Ignore(name);
  if (!node_) return nullptr;
  const Node* value = node_->Find(name);
  if (value && value->kind != Node::Kind::kNull) return value;
  if (need == kRequired) AddError(file_, *node_, Prefix() + "required field \"" + std::string(name) + "\" is missing", errors_);
  return nullptr;
}

std::string Fields::String(std::string_view name, Need need) {
  const Node* value = Get(name, need);
  if (!value) return "";
  if (IsString(*value)) return value->scalar;
  Expected(*value, name, value->kind == Node::Kind::kScalar ? "a string (write it in quotes)" : "a string");
  return "";
}

int64_t Fields::Integer(std::string_view name, int64_t min, int64_t max, int64_t otherwise, Need need) {
  const Node* value = Get(name, need);
  if (!value) return otherwise;
  int64_t number = 0;
  const char* end = value->scalar.data() + value->scalar.size();
  const auto [stop, error] = std::from_chars(value->scalar.data(), end, number);
  const bool whole = value->kind == Node::Kind::kScalar && !value->quoted && error == std::errc() && stop == end;
  if (whole && number >= min && number <= max) return number;
  Expected(*value, name, absl::StrCat("a whole number from ", min, " to ", max));
  return otherwise;
}

bool Fields::Bool(std::string_view name, bool otherwise) {
  const Node* value = Get(name);
  if (!value) return otherwise;
  if (value->kind == Node::Kind::kScalar && !value->quoted) {
    const std::string lower = absl::AsciiStrToLower(value->scalar);
    if (lower == "true") return true;
    if (lower == "false") return false;
  }
  Expected(*value, name, "true or false");
  return otherwise;
}

std::vector<std::string> Fields::Strings(std::string_view name) {
  std::vector<std::string> out;
  for (const Node& item : Items(name)) {
    if (IsString(item)) {
      out.push_back(item.scalar);
    } else {
      Expected(item, name, "a string");
    }
  }
  return out;
}

Labels Fields::StringMap(std::string_view name) {
  Labels out;
  const Node* value = Get(name);
  if (!value) return out;
  if (value->kind != Node::Kind::kMap) {
    Expected(*value, name, "a map of strings");
    return out;
  }
  for (const auto& [key, item] : value->members) {
    if (item.kind == Node::Kind::kNull || IsString(item)) {
      out[key.scalar] = item.scalar;
    } else {
      Expected(item, std::string(name) + "[" + Quote(key.scalar) + "]", "a string (write it in quotes)");
    }
  }
  return out;
}

const std::vector<Node>& Fields::Items(std::string_view name) {
  static const std::vector<Node> kNone;
  const Node* value = Get(name);
  if (!value) return kNone;
  if (value->kind == Node::Kind::kSequence) return value->items;
  Expected(*value, name, "a list");
  return kNone;
}

void Fields::Ignore(std::string_view name) { asked_.emplace_back(name); }

void Fields::Finish() {
  if (!node_) return;
  for (const auto& [key, value] : node_->members) {
    if (errors_->size() >= kMaxErrors) return;
    if (std::find(asked_.begin(), asked_.end(), key.scalar) != asked_.end()) continue;
    const std::string nearest = Nearest(key.scalar, asked_);
    const std::string hint = nearest.empty() ? "" : absl::StrCat(" (did you mean ", nearest, "?)");
    AddError(file_, key, absl::StrCat("unknown field ", Quote(key.scalar), hint), errors_);
  }
}

}  // namespace bulkhead::yaml

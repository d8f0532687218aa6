// SPDX-License-Identifier: Apache-2.0
#include "controlplane/config/modes_file.h"

#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/yaml/node.h"

namespace bulkhead {
namespace {

using yaml::Fields;
using yaml::Node;

constexpr size_t kMaxModesBytes = 4 << 20;

struct ModesReader {
  std::string file;
  std::vector<std::string> errors;

  std::optional<Mode> ReadMode(const Node& node, const std::string& what) {
    std::optional<Mode> mode;
    if (node.kind == Node::Kind::kScalar) mode = ParseMode(node.scalar);
    if (!mode) {
      const std::string found = node.kind == Node::Kind::kScalar ? yaml::Quote(node.scalar) : yaml::Describe(node);
      yaml::AddError(file, node, absl::StrCat(what, ": found ", found, ", expected learn, audit or enforce"), &errors);
    }
    return mode;
  }

  void ReadMap(const Node* node, const std::string& what, const std::function<void(const Node& key, Mode mode)>& set) {
    if (node == nullptr) return;
    if (node->kind != Node::Kind::kMap) {
      yaml::AddError(file, *node, absl::StrCat(what, ": found ", yaml::Describe(*node), ", expected a map of modes"), &errors);
      return;
    }
    for (const auto& [key, value] : node->members) {
      if (const std::optional<Mode> mode = ReadMode(value, absl::StrCat(what, ".", yaml::Quote(key.scalar)))) set(key, *mode);
    }
  }
};

// YAML double-quoted: a bare `1.5` or `no` would be read as something else, and names may hold anything.
std::string Quoted(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if ((c >= 0 && c < 0x20) || c == 0x7f) {
      absl::StrAppend(&out, "\\x", absl::Hex(c, absl::kZeroPad2));
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

absl::StatusOr<ModesFile> ParseModesFile(std::string_view text, const std::string& file) {
  absl::StatusOr<std::vector<Node>> documents = yaml::Parse(text, file, {.bytes = kMaxModesBytes});
  if (!documents.ok()) return documents.status();
  ModesFile modes;
  if (documents->empty()) return modes;
  ModesReader reader{file, {}};
  if (documents->size() > 1) reader.errors.push_back(yaml::At(file, (*documents)[1], "found a second document, expected one"));
  Fields fields(documents->front(), file, "", &reader.errors);
  if (const Node* global = fields.Get("global")) modes.global = reader.ReadMode(*global, "global");
  reader.ReadMap(fields.Get("namespaces"), "namespaces", [&](const Node& key, Mode mode) { modes.namespaces[key.scalar] = mode; });
  reader.ReadMap(fields.Get("services"), "services", [&](const Node& key, Mode mode) {
    const size_t slash = key.scalar.find('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == key.scalar.size()) {
      yaml::AddError(file, key, absl::StrCat("services: found ", yaml::Quote(key.scalar), ", expected NAMESPACE/SERVICE"), &reader.errors);
      return;
    }
    modes.services[{key.scalar.substr(0, slash), key.scalar.substr(slash + 1)}] = mode;
  });
  fields.Finish();
  if (!reader.errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(reader.errors, "\n"));
  return modes;
}

absl::StatusOr<ModesFile> LoadModesFile(const std::string& path) {
  absl::StatusOr<std::string> text = yaml::ReadFile(path, kMaxModesBytes);
  if (!text.ok()) {
    if (absl::IsNotFound(text.status())) return ModesFile();
    return text.status();
  }
  return ParseModesFile(*text, path);
}

std::string FormatModesFile(const ModesFile& modes) {
  std::string out = "# Modes: learn, audit or enforce. Kept by `bulkhead mode set`; may be edited by hand.\n";
  if (modes.global) absl::StrAppend(&out, "global: ", ModeName(*modes.global), "\n");
  if (!modes.namespaces.empty()) out += "namespaces:\n";
  for (const auto& [ns, mode] : modes.namespaces) absl::StrAppend(&out, "  ", Quoted(ns), ": ", ModeName(mode), "\n");
  if (!modes.services.empty()) out += "services:\n";
  for (const auto& [name, mode] : modes.services) {
    absl::StrAppend(&out, "  ", Quoted(absl::StrCat(name.first, "/", name.second)), ": ", ModeName(mode), "\n");
  }
  return out;
}

}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
// A YAML (or JSON) document as a tree with positions, parsed within bounds. Every file that a person writes comes in through here:
// policies, modes, workload files, probes, the daemon's own configuration.
//
// Errors are kInvalidArgument with the message "file:line:column: what was found, what was expected".
// Thread safety: values; Parse may be called from any thread.
#ifndef BULKHEAD_CONTROLPLANE_YAML_NODE_H_
#define BULKHEAD_CONTROLPLANE_YAML_NODE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/model/common.h"

namespace bulkhead::yaml {

struct Member;

struct Node {
  enum class Kind : uint8_t { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  bool quoted = false;  // a scalar in quotes is always a string, never a number, bool or null
  int line = 0;         // from 1
  int column = 0;
  std::string scalar;
  std::vector<Node> items;      // kSequence
  std::vector<Member> members;  // kMap, in the file's order; keys are scalars and unique

  const Node* Find(std::string_view name) const;
};

// Not a std::pair: clang does not take one of types that are still incomplete.
struct Member {
  Node key;
  Node value;
};

inline const Node* Node::Find(std::string_view name) const {
  for (const auto& [key, value] : members) {
    if (key.scalar == name) return &value;
  }
  return nullptr;
}

// Aliases are refused: nobody needs them in policy, and they are how a small file becomes a large one.
struct Limits {
  size_t bytes = 4 << 20;
  size_t nodes = 200'000;  // about 100 MB at worst
  int depth = 64;
};

// All documents of a stream; empty ones are left out. `file` is used in messages only.
absl::StatusOr<std::vector<Node>> Parse(std::string_view text, const std::string& file, const Limits& limits = {});

// Reads a file, refusing what is larger than the limit.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes = Limits{}.bytes);

// Reads one map: typed fields, and at the end an error for each field that was not asked for, with the nearest name that was.
//
//   Fields fields(node, "db.yaml", "spec", &errors);
//   const Node* selector = fields.Get("podSelector");
//   std::string name = fields.String("name", Fields::kRequired);
//   fields.Finish();
//
// Collects every error of a file rather than stopping at the first, up to kMaxErrors. A node that is not a map is one error; then
// every Get is null.
inline constexpr size_t kMaxErrors = 100;
// Appends "file:line:column: message" unless there are kMaxErrors already.
void AddError(const std::string& file, const Node& node, std::string_view message, std::vector<std::string>* errors);

class Fields {
 public:
  enum Need : uint8_t { kOptional, kRequired };

  Fields(const Node& node, std::string file, std::string what, std::vector<std::string>* errors);

  const Node* Get(std::string_view name, Need need = kOptional);     // null nodes count as absent
  std::string String(std::string_view name, Need need = kOptional);  // "" when absent
  int64_t Integer(std::string_view name, int64_t min, int64_t max, int64_t otherwise, Need need = kOptional);
  bool Bool(std::string_view name, bool otherwise);
  std::vector<std::string> Strings(std::string_view name);  // sequence of scalars
  Labels StringMap(std::string_view name);                  // map of scalars
  const std::vector<Node>& Items(std::string_view name);    // a sequence's; empty when absent
  // Known but not read by the caller: no error.
  void Ignore(std::string_view name);
  void Finish();

 private:
  std::string Prefix() const;
  void Expected(const Node& value, std::string_view name, const std::string& expected);

  const Node* node_;
  std::string file_, what_;
  std::vector<std::string>* errors_;
  std::vector<std::string> asked_;
};

// "file:line:column: message" for a node.
std::string At(const std::string& file, const Node& node, std::string_view message);

// What stands there, for messages: `a map`, `nothing`, `the string "x"`, `the number 5`.
std::string Describe(const Node& node);
// The text in double quotes, cut to 64 bytes and with what is not printable escaped: fit for a terminal and a log.
std::string Quote(std::string_view text);
// Whether YAML reads this scalar as a string: it is quoted, or is no number, bool or null.
bool IsString(const Node& node);

// The candidate within a small edit distance of `word` (case ignored), or "".
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace bulkhead::yaml

#endif  // BULKHEAD_CONTROLPLANE_YAML_NODE_H_

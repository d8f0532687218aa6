// SPDX-License-Identifier: Apache-2.0
// Parsers of what several kinds of document have in common. Each appends its errors and goes on. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_PARSE_PARTS_H_
#define BULKHEAD_CONTROLPLANE_POLICY_PARSE_PARTS_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bulkhead/model/policy.h"
#include "controlplane/yaml/node.h"

namespace bulkhead {

// Where the parser is: what every function below needs.
struct ParseContext {
  const std::string& file;
  std::vector<std::string>* errors;
  bool strict = true;  // unknown fields are errors

  void Error(const yaml::Node& node, const std::string& message) const { yaml::AddError(file, node, message, errors); }
  void Error(const SourcePos& pos, const std::string& message) const {
    if (errors->size() < yaml::kMaxErrors) errors->push_back(pos.ToString() + ": " + message);
  }
  SourcePos Pos(const yaml::Node& node) const { return {file, node.line, node.column}; }
  yaml::Fields Fields(const yaml::Node& node, const std::string& what) const { return {node, file, what, errors}; }
};

// What `metadata` says of *policy, whose kind decides whether it belongs to a namespace. `node` may be null (no metadata): then the
// name is missing, which is an error at `object`.
void ParseMeta(const ParseContext& context, const yaml::Node& object, const yaml::Node* node, Policy* policy);

LabelSelector ParseSelector(const ParseContext& context, const yaml::Node& node, const std::string& what);

// IPv6 prefixes within ::ffff:0:0/96 are refused: what they stand for is IPv4.
std::optional<Prefix> ParseCidr(const ParseContext& context, const yaml::Node& node, const std::string& what);

// The field `protocol`, TCP when it is absent; TCP after an error too.
uint8_t ParseProtocolField(const ParseContext& context, yaml::Fields* fields, const std::string& what);

// " (did you mean X?)" for the candidate nearest to `word`, or "".
std::string NearestHint(std::string_view word, const std::vector<std::string>& candidates);

// A document, or each item of a List, NAMEList or List of Lists. kind and api_version are the item's own; an item of NAMEList that
// has none has NAME and the list's.
struct RawObject {
  const yaml::Node* node;
  std::string api_version;
  std::string kind;
};
void ForEachObject(const ParseContext& context, const std::vector<yaml::Node>& documents,
                   const std::function<void(const RawObject&)>& visit);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_PARSE_PARTS_H_

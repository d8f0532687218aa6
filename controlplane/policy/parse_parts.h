// SPDX-License-Identifier: Apache-2.0
// Parsers of what several kinds of document have in common. Each appends its errors and goes on. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_PARSE_PARTS_H_
#define BULKHEAD_CONTROLPLANE_POLICY_PARSE_PARTS_H_

#include <functional>
#include <string>
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
  SourcePos Pos(const yaml::Node& node) const { return {file, node.line, node.column}; }
  yaml::Fields Fields(const yaml::Node& node, const std::string& what) const { return {node, file, what, errors}; }
};

struct ObjectMeta {
  std::string ns = "default";
  std::string name;
  Labels labels;
  Labels annotations;
};
// `node` may be null (no metadata): then the name is missing, which is an error at `object`.
ObjectMeta ParseMeta(const ParseContext& context, const yaml::Node& object, const yaml::Node* node);

LabelSelector ParseSelector(const ParseContext& context, const yaml::Node& node, const std::string& what);

std::optional<Prefix> ParseCidr(const ParseContext& context, const yaml::Node& node, const std::string& what);

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

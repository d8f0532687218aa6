// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/parse_parts.h"

#include "absl/strings/str_cat.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/validate.h"

namespace bulkhead {
namespace {

using yaml::Node;
using yaml::Quote;

constexpr char kBaselineName[] = "default";
constexpr char kAuditMode[] = "audit";

// `what` is found at `node`; `expected` is a validator's answer, "" = fine.
void Check(const ParseContext& context, const Node& node, const std::string& what, const std::string& text,
           const std::string& expected) {
  if (!expected.empty()) context.Error(node, absl::StrCat(what, ": found ", Quote(text), ", expected ", expected));
}

void CheckLabels(const ParseContext& context, const Node* map, const std::string& what, bool check_values) {
  if (!map || map->kind != Node::Kind::kMap) return;
  for (const auto& [key, value] : map->members) {
    Check(context, key, what, key.scalar, CheckLabelKey(key.scalar));
    if (check_values)
      Check(context, value, absl::StrCat(what, "[", Quote(key.scalar), "]"), value.scalar, CheckLabelValue(value.scalar));
  }
}

LabelRequirement ParseRequirement(const ParseContext& context, const Node& node, const std::string& what) {
  LabelRequirement out;
  auto fields = context.Fields(node, what);
  out.key = fields.String("key", yaml::Fields::kRequired);
  if (const Node* key = fields.Get("key"); key && yaml::IsString(*key)) {
    Check(context, *key, absl::StrCat(what, ".key"), out.key, CheckLabelKey(out.key));
  }
  const std::string op = fields.String("operator", yaml::Fields::kRequired);
  out.values = fields.Strings("values");
  const Node* values = fields.Get("values");
  const Node* op_node = fields.Get("operator");
  fields.Finish();
  if (op == "NotIn") out.op = LabelRequirement::Op::kNotIn;
  if (op == "Exists") out.op = LabelRequirement::Op::kExists;
  if (op == "DoesNotExist") out.op = LabelRequirement::Op::kDoesNotExist;
  const bool takes_values = op == "In" || op == "NotIn";
  if (op_node && yaml::IsString(*op_node) && !takes_values && op != "Exists" && op != "DoesNotExist") {
    context.Error(*op_node, absl::StrCat(what, ".operator: found ", Quote(op), ", expected In, NotIn, Exists or DoesNotExist",
                                         NearestHint(op, {"In", "NotIn", "Exists", "DoesNotExist"})));
    return out;
  }
  if (op_node && takes_values && (!values || values->items.empty())) {
    context.Error(node, absl::StrCat(what, ": found no values, expected at least one for the operator ", op));
  }
  if (op_node && !takes_values && !out.values.empty()) {
    context.Error(*values, absl::StrCat(what, ".values: found values, expected none for the operator ", op));
  }
  if (values && values->kind == Node::Kind::kSequence) {
    for (const Node& value : values->items)
      Check(context, value, absl::StrCat(what, ".values"), value.scalar, CheckLabelValue(value.scalar));
  }
  return out;
}

void VisitObject(const ParseContext& context, RawObject object, const std::function<void(const RawObject&)>& visit) {
  const Node& node = *object.node;
  if (node.kind != Node::Kind::kMap) {
    context.Error(node, absl::StrCat("found ", yaml::Describe(node), ", expected an object with apiVersion and kind"));
    return;
  }
  const auto read = [&](const char* name, std::string* into) {
    const Node* value = node.Find(name);
    if (value && yaml::IsString(*value)) {
      *into = value->scalar;
    } else if (value || into->empty()) {
      context.Error(value ? *value : node,
                    absl::StrCat(name, ": found ", value ? yaml::Describe(*value) : "nothing", ", expected a string"));
      into->clear();
    }
  };
  read("apiVersion", &object.api_version);
  read("kind", &object.kind);
  if (object.kind.empty() || object.api_version.empty()) return;
  if (!object.kind.ends_with("List")) return visit(object);
  if (const Node* api = node.Find("apiVersion"); context.strict && api && object.kind == "List" && object.api_version != "v1") {
    context.Error(*api, absl::StrCat("apiVersion: found ", Quote(object.api_version), ", expected v1 for a List"));
  }

  auto fields = context.Fields(node, object.kind);
  for (const char* known : {"apiVersion", "kind", "metadata"}) fields.Ignore(known);
  const std::vector<Node>& items = fields.Items("items");
  if (context.strict) fields.Finish();
  RawObject item;
  if (object.kind != "List") {
    item.kind = object.kind.substr(0, object.kind.size() - 4);
    item.api_version = object.api_version;
  }
  for (const Node& child : items) {
    item.node = &child;
    VisitObject(context, item, visit);
  }
}

}  // namespace

void ParseMeta(const ParseContext& context, const Node& object, const Node* node, Policy* policy) {
  const bool namespaced = policy->kind == PolicyKind::kNetworkPolicy;
  if (namespaced) policy->ns = "default";
  if (!node) {
    context.Error(object, "required field \"metadata\" is missing");
    return;
  }
  auto fields = context.Fields(*node, "metadata");
  policy->name = fields.String("name", yaml::Fields::kRequired);
  const std::string ns = fields.String("namespace");
  if (namespaced && !ns.empty()) policy->ns = ns;
  policy->labels = fields.StringMap("labels");
  policy->annotations = fields.StringMap("annotations");
  // What an API server adds to an object that is read back from it.
  for (const char* known : {"creationTimestamp", "uid", "resourceVersion", "generation", "managedFields", "selfLink", "finalizers",
                            "ownerReferences", "generateName", "deletionTimestamp", "deletionGracePeriodSeconds"}) {
    fields.Ignore(known);
  }
  fields.Finish();
  if (const Node* name = fields.Get("name"); name && yaml::IsString(*name)) {
    const bool baseline = policy->kind == PolicyKind::kBaselineAdminNetworkPolicy;
    Check(context, *name, "metadata.name", policy->name,
          !baseline                       ? CheckDnsSubdomain(policy->name)
          : policy->name != kBaselineName ? absl::StrCat(kBaselineName, ", the only name of a BaselineAdminNetworkPolicy")
                                          : "");
  }
  if (const Node* name = fields.Get("namespace"); name && !ns.empty()) {
    Check(context, *name, "metadata.namespace", ns,
          namespaced ? CheckDnsLabel(ns) : absl::StrCat("none: ", WithArticle(policy->kind), " belongs to no namespace"));
  }
  CheckLabels(context, fields.Get("labels"), "metadata.labels", true);
  CheckLabels(context, fields.Get("annotations"), "metadata.annotations", false);
  const auto mode = policy->annotations.find(kModeAnnotation);
  if (mode == policy->annotations.end()) return;
  policy->audit = mode->second == kAuditMode;
  if (!policy->audit) {
    Check(context, *fields.Get("annotations")->Find(kModeAnnotation),
          absl::StrCat("metadata.annotations[", Quote(kModeAnnotation), "]"), mode->second,
          absl::StrCat(kAuditMode, ", the only mode of a policy"));
  }
}

LabelSelector ParseSelector(const ParseContext& context, const Node& node, const std::string& what) {
  LabelSelector out;
  auto fields = context.Fields(node, what);
  out.match_labels = fields.StringMap("matchLabels");
  CheckLabels(context, fields.Get("matchLabels"), absl::StrCat(what, ".matchLabels"), true);
  int index = 0;
  for (const Node& item : fields.Items("matchExpressions")) {
    out.match_expressions.push_back(ParseRequirement(context, item, absl::StrCat(what, ".matchExpressions[", index++, "]")));
  }
  fields.Finish();
  return out;
}

std::optional<Prefix> ParseCidr(const ParseContext& context, const Node& node, const std::string& what) {
  static const Prefix kMapped = *Prefix::Parse("::ffff:0:0/96");  // RFC 4291 section 2.5.5.2
  std::optional<Prefix> prefix;
  if (yaml::IsString(node)) prefix = Prefix::Parse(node.scalar);
  if (prefix && kMapped.Contains(*prefix)) {
    context.Error(node, absl::StrCat(what, ": found ", prefix->ToString(), ", expected the IPv4 CIDR that it stands for"));
    return std::nullopt;
  }
  if (!prefix) {
    context.Error(node,
                  absl::StrCat(what, ": found ", yaml::Describe(node), ", expected a CIDR such as 10.0.0.0/8 or 2001:db8::/32"));
  }
  return prefix;
}

uint8_t ParseProtocolField(const ParseContext& context, yaml::Fields* fields, const std::string& what) {
  const Node* node = fields->Get("protocol");
  if (!node) return kProtoTcp;
  const std::string name = fields->String("protocol");
  if (name == "TCP" || name == "UDP" || name == "SCTP") return *ParseProtocol(name);
  if (yaml::IsString(*node)) {
    context.Error(*node, absl::StrCat(what, ".protocol: found ", Quote(name), ", expected TCP, UDP or SCTP"));
  }
  return kProtoTcp;
}

std::string NearestHint(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string nearest = yaml::Nearest(word, candidates);
  return nearest.empty() ? "" : absl::StrCat(" (did you mean ", nearest, "?)");
}

void ForEachObject(const ParseContext& context, const std::vector<Node>& documents,
                   const std::function<void(const RawObject&)>& visit) {
  for (const Node& document : documents) VisitObject(context, {&document, "", ""}, visit);
}

}  // namespace bulkhead

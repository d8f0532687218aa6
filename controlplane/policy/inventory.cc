// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/inventory.h"

#include <algorithm>
#include <deque>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "controlplane/policy/parse_parts.h"

namespace bulkhead {
namespace {

using yaml::Fields;
using yaml::Node;

// A map that is not there reads as one without fields.
const Node& OrEmpty(const Node* node) {
  static const Node kEmpty = [] {
    Node node;
    node.kind = Node::Kind::kMap;
    return node;
  }();
  return node && node->kind != Node::Kind::kNull ? *node : kEmpty;
}

struct Meta {
  std::string ns, name;
  Labels labels;
};

Meta ReadMeta(const ParseContext& context, const RawObject& object) {
  Meta meta;
  const Node* node = OrEmpty(object.node).Find("metadata");
  auto fields = context.Fields(OrEmpty(node), "metadata");
  meta.name = fields.String("name");
  if (meta.name.empty())
    context.Error(node ? *node : *object.node, absl::StrCat(object.kind, ": required field \"metadata.name\" is missing"));
  meta.ns = fields.String("namespace");
  if (meta.ns.empty()) meta.ns = "default";
  meta.labels = fields.StringMap("labels");
  return meta;
}

void AddAddress(const ParseContext& context, const Node* node, const std::string& what, std::vector<IpAddress>* out) {
  if (!node || node->kind == Node::Kind::kNull || (node->kind == Node::Kind::kScalar && node->scalar.empty())) return;
  const auto address = IpAddress::Parse(node->scalar);
  if (!address) {
    context.Error(*node, absl::StrCat(what, ": found ", yaml::Describe(*node), ", expected an IP address"));
  } else if (std::find(out->begin(), out->end(), *address) == out->end()) {
    out->push_back(*address);
  }
}

class InventoryParser {
 public:
  explicit InventoryParser(std::vector<std::string>* errors) : errors_(errors) {}

  void AddFile(const std::string& file, const std::string& text) {
    const auto documents = yaml::Parse(text, file, kInventoryLimits);
    if (!documents.ok()) {
      errors_->emplace_back(documents.status().message());
      return;
    }
    const ParseContext context{file, errors_, false};
    ForEachObject(context, *documents, [&](const RawObject& object) { AddObject(context, object); });
  }

  Inventory Finish() {
    // Only now are all Nodes and all Pod documents known.
    for (const Controller& controller : controllers_) Expand(controller);
    return std::move(inventory_);
  }

 private:
  struct Controller {
    InventoryWorkload pattern;
    size_t replicas = 1;
    bool each_node = false;
    std::string kind;
  };

  void AddObject(const ParseContext& context, const RawObject& object) {
    static const std::set<std::string> kControllers = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"};
    const bool known =
        object.kind == "Namespace" || object.kind == "Node" || object.kind == "Pod" || kControllers.contains(object.kind);
    if (!known) {
      if (inventory_.warnings.size() < yaml::kMaxErrors) {
        inventory_.warnings.push_back(
            yaml::At(context.file, *object.node, absl::StrCat("warning: the kind ", yaml::Quote(object.kind), " is not read")));
      }
      return;
    }
    const Meta meta = ReadMeta(context, object);
    const bool has_namespace = object.kind != "Namespace" && object.kind != "Node";
    const SourcePos pos = context.Pos(*object.node);
    const auto [first, added] = seen_.emplace(std::tuple(object.kind, has_namespace ? meta.ns : "", meta.name), pos);
    if (!added) {
      context.Error(*object.node, absl::StrCat("found a second ", object.kind, " ", has_namespace ? meta.ns + "/" : "", meta.name,
                                               ", the first is at ", first->second.ToString()));
    } else if (object.kind == "Namespace") {
      inventory_.namespaces[meta.name] = meta.labels;
    } else if (object.kind == "Node") {
      AddNode(context, object, meta);
    } else if (object.kind == "Pod") {
      AddPod(context, object, meta);
    } else {
      AddController(context, object, meta);
    }
  }

  void AddNode(const ParseContext& context, const RawObject& object, const Meta& meta) {
    KnownNode node{meta.name, meta.labels, {}};
    auto status = context.Fields(OrEmpty(object.node->Find("status")), "status");
    for (const Node& item : status.Items("addresses")) {
      auto fields = context.Fields(item, "status.addresses");
      const std::string type = fields.String("type");
      if (type == "InternalIP" || type == "ExternalIP")
        AddAddress(context, fields.Get("address"), "status.addresses", &node.addresses);
    }
    inventory_.nodes.push_back(std::move(node));
  }

  void ReadPodSpec(const ParseContext& context, const Node& spec, InventoryWorkload* out) {
    auto fields = context.Fields(spec, "spec");
    out->host_network = fields.Bool("hostNetwork", false);
    out->node = fields.String("nodeName");
    for (const Node& container : fields.Items("containers")) {
      auto container_fields = context.Fields(container, "spec.containers");
      for (const Node& item : container_fields.Items("ports")) {
        auto port = context.Fields(item, "spec.containers.ports");
        const std::string name = port.String("name");
        const auto number = port.Integer("containerPort", 1, 65535, 0);
        const std::string protocol = port.String("protocol");
        const auto parsed = ParseProtocol(protocol.empty() ? "tcp" : protocol);
        if (!parsed || !HasPorts(*parsed)) {
          context.Error(item, absl::StrCat("protocol: found ", yaml::Quote(protocol), ", expected TCP, UDP or SCTP"));
        } else if (!name.empty() && number != 0) {
          out->named_ports.push_back({name, *parsed, static_cast<uint16_t>(number)});
        }
      }
    }
    std::sort(out->named_ports.begin(), out->named_ports.end());
  }

  void AddPod(const ParseContext& context, const RawObject& object, const Meta& meta) {
    InventoryWorkload pod;
    pod.ns = meta.ns;
    pod.name = pod.owner = meta.name;
    pod.labels = meta.labels;
    pod.pos = context.Pos(*object.node);
    ReadPodSpec(context, OrEmpty(object.node->Find("spec")), &pod);
    auto status = context.Fields(OrEmpty(object.node->Find("status")), "status");
    AddAddress(context, status.Get("podIP"), "status.podIP", &pod.addresses);
    for (const Node& item : status.Items("podIPs")) {
      auto fields = context.Fields(item, "status.podIPs");
      AddAddress(context, fields.Get("ip"), "status.podIPs", &pod.addresses);
    }
    if (pod.host_network) AddAddress(context, status.Get("hostIP"), "status.hostIP", &pod.addresses);
    Add(std::move(pod));
  }

  void AddController(const ParseContext& context, const RawObject& object, const Meta& meta) {
    Controller controller;
    controller.kind = object.kind;
    controller.each_node = object.kind == "DaemonSet";
    auto spec = context.Fields(OrEmpty(object.node->Find("spec")), "spec");
    controller.replicas = static_cast<size_t>(spec.Integer("replicas", 0, static_cast<int64_t>(kMaxInventoryWorkloads), 1));
    auto pod = context.Fields(OrEmpty(spec.Get("template")), "spec.template");
    auto pod_meta = context.Fields(OrEmpty(pod.Get("metadata")), "spec.template.metadata");
    controller.pattern.ns = meta.ns;
    controller.pattern.owner = meta.name;
    controller.pattern.labels = pod_meta.StringMap("labels");
    controller.pattern.pos = context.Pos(*object.node);
    ReadPodSpec(context, OrEmpty(pod.Get("spec")), &controller.pattern);
    controllers_.push_back(std::move(controller));
  }

  // The first of a name stays: Pod documents are added before any controller's replicas.
  bool Add(InventoryWorkload workload) {
    if (!names_.emplace(workload.ns, workload.name).second) return false;
    inventory_.workloads.push_back(std::move(workload));
    return true;
  }

  void Expand(const Controller& controller) {
    const size_t count = controller.each_node ? std::max<size_t>(1, inventory_.nodes.size()) : controller.replicas;
    if (inventory_.workloads.size() + count > kMaxInventoryWorkloads) {
      errors_->push_back(
          absl::StrCat(controller.pattern.pos.ToString(), ": found more than ", kMaxInventoryWorkloads, " workloads"));
      return;
    }
    for (size_t i = 0; i < count; ++i) {
      InventoryWorkload replica = controller.pattern;
      replica.name = absl::StrCat(replica.owner, "-", i);
      if (controller.each_node && i < inventory_.nodes.size()) replica.node = inventory_.nodes[i].name;
      const std::string name = replica.ns + "/" + replica.name;
      if (Add(std::move(replica)) || seen_.contains({"Pod", controller.pattern.ns, absl::StrCat(controller.pattern.owner, "-", i)}))
        continue;
      if (inventory_.warnings.size() >= yaml::kMaxErrors) continue;
      inventory_.warnings.push_back(absl::StrCat(controller.pattern.pos.ToString(), ": warning: ", name, " of this ",
                                                 controller.kind, " is left out, another controller's replica has that name"));
    }
  }

  std::vector<std::string>* errors_;
  Inventory inventory_;
  std::deque<Controller> controllers_;
  std::map<std::tuple<std::string, std::string, std::string>, SourcePos> seen_;  // kind, namespace, name
  std::set<std::pair<std::string, std::string>> names_;
};

}  // namespace

Inventory ParseInventory(const std::vector<std::pair<std::string, std::string>>& files, std::vector<std::string>* errors) {
  InventoryParser parser(errors);
  for (const auto& [file, text] : files) parser.AddFile(file, text);
  return parser.Finish();
}

}  // namespace bulkhead

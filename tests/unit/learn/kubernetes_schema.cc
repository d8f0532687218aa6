// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/learn/kubernetes_schema.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <regex>
#include <set>

#include "controlplane/yaml/node.h"

namespace bulkhead::learn {
namespace {

using Yaml = yaml::Node;
using Kind = Yaml::Kind;

bool Matches(const std::string& text, const char* pattern) { return std::regex_match(text, std::regex(pattern)); }

constexpr char kLabelName[] = "[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?";
constexpr char kDnsLabel[] = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
constexpr char kDnsSubdomain[] = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

// What YAML 1.1, which kubectl reads, takes for something else than a string when it stands without quotes.
bool LooksLikeNoString(const std::string& plain) {
  return Matches(plain, "~|[Nn]ull|NULL|[Yy]|[Nn]|[Yy]es|YES|[Nn]o|NO|[Tt]rue|TRUE|[Ff]alse|FALSE|[Oo]n|ON|[Oo]ff|OFF") ||
         Matches(plain, "[-+]?(0x[0-9a-fA-F_]+|0b[01_]+|0o?[0-7_]+|[0-9][0-9_]*)") ||
         Matches(plain, "[-+]?([0-9][0-9_]*)?\\.?[0-9_]*([eE][-+]?[0-9]+)?|[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN)") ||
         Matches(plain, "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\\.[0-9_]*)?");
}

struct Address {
  int family = 0;
  unsigned char bytes[16] = {};
  int length = 0;
};

std::optional<Address> ParseCidr(const std::string& text) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos || !Matches(text.substr(slash + 1), "0|[1-9][0-9]{0,2}")) return std::nullopt;
  Address out;
  const std::string address = text.substr(0, slash);
  out.family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (inet_pton(out.family, address.c_str(), out.bytes) != 1) return std::nullopt;
  out.length = std::stoi(text.substr(slash + 1));
  if (out.length > (out.family == AF_INET ? 32 : 128)) return std::nullopt;
  // Newer API servers refuse bits below the prefix.
  for (int bit = out.length; bit < 128; ++bit) {
    if (out.bytes[bit / 8] & (0x80 >> bit % 8)) return std::nullopt;
  }
  return out;
}

bool IsWithin(const Address& inner, const Address& outer) {
  if (inner.family != outer.family || inner.length <= outer.length) return false;
  for (int bit = 0; bit < outer.length; ++bit) {
    if ((inner.bytes[bit / 8] ^ outer.bytes[bit / 8]) & (0x80 >> bit % 8)) return false;
  }
  return true;
}

class Checker {
 public:
  std::vector<std::string> Take() { return std::move(errors_); }

  void Document(const Yaml& node) {
    if (!Map(node, "document", {"apiVersion", "kind", "metadata", "spec"})) return;
    Is(node, "apiVersion", "networking.k8s.io/v1");
    Is(node, "kind", "NetworkPolicy");
    if (const Yaml* metadata = Need(node, "document", "metadata")) Metadata(*metadata);
    if (const Yaml* spec = Need(node, "document", "spec")) Spec(*spec);
  }

 private:
  void Error(const std::string& where, const std::string& what) { errors_.push_back(where + ": " + what); }

  bool Map(const Yaml& node, const std::string& where, std::initializer_list<const char*> allowed) {
    if (node.kind != Kind::kMap) {
      Error(where, "not a map");
      return false;
    }
    for (const auto& [key, value] : node.members) {
      if (std::none_of(allowed.begin(), allowed.end(), [&key](const char* name) { return key.scalar == name; })) {
        Error(where, "unknown field " + key.scalar);
      }
    }
    return true;
  }

  const Yaml* Need(const Yaml& node, const std::string& where, const char* name) {
    const Yaml* found = node.Find(name);
    if (found == nullptr) Error(where, std::string(name) + " is missing");
    return found;
  }

  std::string String(const Yaml& node, const std::string& where) {
    if (node.kind != Kind::kScalar) {
      Error(where, "not a string");
    } else if (!node.quoted && LooksLikeNoString(node.scalar)) {
      Error(where, node.scalar + " is no string without quotes");
    }
    return node.scalar;
  }

  void Is(const Yaml& node, const char* name, const std::string& expected) {
    const Yaml* found = Need(node, "document", name);
    if (found != nullptr && String(*found, name) != expected) Error(name, "not " + expected);
  }

  void Fits(const std::string& text, const std::string& where, const char* pattern, size_t most) {
    if (text.size() > most || !Matches(text, pattern)) Error(where, "\"" + text + "\" is no name for it");
  }

  void QualifiedName(const std::string& text, const std::string& where) {
    const size_t slash = text.find('/');
    if (slash != std::string::npos) Fits(text.substr(0, slash), where, kDnsSubdomain, 253);
    Fits(slash == std::string::npos ? text : text.substr(slash + 1), where, kLabelName, 63);
  }

  void LabelValue(const Yaml& node, const std::string& where) {
    const std::string text = String(node, where);
    if (!text.empty()) Fits(text, where, kLabelName, 63);
  }

  void LabelMap(const Yaml& node, const std::string& where) {
    if (node.kind != Kind::kMap) return Error(where, "not a map");
    for (const auto& [key, value] : node.members) {
      QualifiedName(key.scalar, where);
      if (!key.quoted && LooksLikeNoString(key.scalar)) Error(where, key.scalar + " is no string without quotes");
      LabelValue(value, where + "." + key.scalar);
    }
  }

  void Metadata(const Yaml& node) {
    if (!Map(node, "metadata", {"name", "namespace", "labels", "annotations"})) return;
    if (const Yaml* name = Need(node, "metadata", "name")) Fits(String(*name, "metadata.name"), "metadata.name", kDnsSubdomain, 253);
    if (const Yaml* ns = node.Find("namespace")) Fits(String(*ns, "metadata.namespace"), "metadata.namespace", kDnsLabel, 63);
    if (const Yaml* labels = node.Find("labels")) LabelMap(*labels, "metadata.labels");
    if (const Yaml* annotations = node.Find("annotations")) {
      for (const auto& [key, value] : annotations->members) {
        QualifiedName(key.scalar, "metadata.annotations");
        String(value, "metadata.annotations." + key.scalar);
      }
    }
  }

  void Selector(const Yaml& node, const std::string& where) {
    if (!Map(node, where, {"matchLabels", "matchExpressions"})) return;
    if (const Yaml* labels = node.Find("matchLabels")) LabelMap(*labels, where + ".matchLabels");
    const Yaml* expressions = node.Find("matchExpressions");
    if (expressions == nullptr) return;
    for (const Yaml& item : Items(*expressions, where + ".matchExpressions")) Requirement(item, where + ".matchExpressions");
  }

  void Requirement(const Yaml& node, const std::string& where) {
    if (!Map(node, where, {"key", "operator", "values"})) return;
    if (const Yaml* key = Need(node, where, "key")) QualifiedName(String(*key, where), where);
    const Yaml* op = Need(node, where, "operator");
    if (op == nullptr) return;
    const bool with_values = op->scalar == "In" || op->scalar == "NotIn";
    if (!with_values && op->scalar != "Exists" && op->scalar != "DoesNotExist") Error(where, "operator " + op->scalar);
    const Yaml* values = node.Find("values");
    if (with_values != (values != nullptr && !values->items.empty())) Error(where, "values do not go with " + op->scalar);
    if (values == nullptr) return;
    for (const Yaml& value : values->items) LabelValue(value, where);
  }

  const std::vector<Yaml>& Items(const Yaml& node, const std::string& where) {
    if (node.kind != Kind::kSequence) Error(where, "not a list");
    return node.items;
  }

  void Spec(const Yaml& node) {
    if (!Map(node, "spec", {"podSelector", "ingress", "egress", "policyTypes"})) return;
    if (const Yaml* selector = Need(node, "spec", "podSelector")) Selector(*selector, "spec.podSelector");
    for (const char* direction : {"ingress", "egress"}) {
      const Yaml* rules = node.Find(direction);
      if (rules == nullptr) continue;
      size_t number = 0;
      for (const Yaml& rule : Items(*rules, direction)) {
        Rule(rule, "spec." + std::string(direction) + "[" + std::to_string(number++) + "]", std::strcmp(direction, "ingress") == 0);
      }
    }
    const Yaml* types = node.Find("policyTypes");
    if (types == nullptr) return;
    std::set<std::string> seen;
    for (const Yaml& type : Items(*types, "spec.policyTypes")) {
      if (type.scalar != "Ingress" && type.scalar != "Egress") Error("spec.policyTypes", type.scalar);
      if (!seen.insert(type.scalar).second) Error("spec.policyTypes", type.scalar + " twice");
    }
    if (node.Find("egress") != nullptr && !seen.contains("Egress")) Error("spec.policyTypes", "egress rules of no effect");
  }

  void Rule(const Yaml& node, const std::string& where, bool ingress) {
    if (!Map(node, where, {"ports", ingress ? "from" : "to"})) return;
    if (const Yaml* ports = node.Find("ports")) {
      for (const Yaml& port : Items(*ports, where + ".ports")) Port(port, where + ".ports");
    }
    if (const Yaml* peers = node.Find(ingress ? "from" : "to")) {
      for (const Yaml& peer : Items(*peers, where)) Peer(peer, where + (ingress ? ".from" : ".to"));
    }
  }

  std::optional<int> PortNumber(const Yaml& node, const std::string& where) {
    if (node.kind == Kind::kScalar && !node.quoted && Matches(node.scalar, "[1-9][0-9]{0,4}") && std::stoi(node.scalar) <= 65535) {
      return std::stoi(node.scalar);
    }
    Error(where, node.scalar + " is no port");
    return std::nullopt;
  }

  void Port(const Yaml& node, const std::string& where) {
    if (!Map(node, where, {"protocol", "port", "endPort"})) return;
    if (const Yaml* protocol = node.Find("protocol")) {
      const std::string name = String(*protocol, where + ".protocol");
      if (name != "TCP" && name != "UDP" && name != "SCTP") Error(where, "protocol " + name);
    }
    const Yaml* port = node.Find("port");
    const bool named = port != nullptr && Matches(port->scalar, ".*[a-z].*");
    std::optional<int> first;
    if (named) {
      Fits(String(*port, where), where, "[a-z0-9]+(-[a-z0-9]+)*", 15);
    } else if (port != nullptr) {
      first = PortNumber(*port, where + ".port");
    }
    const Yaml* end = node.Find("endPort");
    if (end == nullptr) return;
    const std::optional<int> last = PortNumber(*end, where + ".endPort");
    if (!first || !last || *last < *first) Error(where + ".endPort", "does not go with the port");
  }

  void Peer(const Yaml& node, const std::string& where) {
    if (!Map(node, where, {"podSelector", "namespaceSelector", "ipBlock"})) return;
    const Yaml* block = node.Find("ipBlock");
    const bool selects = node.Find("podSelector") != nullptr || node.Find("namespaceSelector") != nullptr;
    if (selects == (block != nullptr)) Error(where, "must have selectors or an ipBlock, and not both");
    if (const Yaml* pods = node.Find("podSelector")) Selector(*pods, where + ".podSelector");
    if (const Yaml* namespaces = node.Find("namespaceSelector")) Selector(*namespaces, where + ".namespaceSelector");
    if (block == nullptr || !Map(*block, where + ".ipBlock", {"cidr", "except"})) return;
    const Yaml* cidr = Need(*block, where + ".ipBlock", "cidr");
    const std::optional<Address> whole = cidr == nullptr ? std::nullopt : ParseCidr(String(*cidr, where));
    if (!whole) return Error(where + ".ipBlock.cidr", "no CIDR");
    const Yaml* except = block->Find("except");
    if (except == nullptr) return;
    for (const Yaml& item : Items(*except, where + ".ipBlock.except")) {
      const std::optional<Address> part = ParseCidr(String(item, where));
      if (!part || !IsWithin(*part, *whole)) Error(where + ".ipBlock.except", item.scalar + " is not within the cidr");
    }
  }

  std::vector<std::string> errors_;
};

}  // namespace

std::vector<std::string> CheckAgainstKubernetes(std::string_view yaml) {
  const auto documents = yaml::Parse(yaml, "proposal");
  if (!documents.ok()) return {std::string(documents.status().message())};
  Checker checker;
  for (const Yaml& document : *documents) checker.Document(document);
  return checker.Take();
}

}  // namespace bulkhead::learn

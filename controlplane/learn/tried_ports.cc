// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/tried_ports.h"

namespace bulkhead::learn {
namespace {

struct Named {
  std::set<PortKey> ports;
  std::set<uint8_t> whole;  // protocols of which a rule accepts every port
};

void AddByName(const PolicyPort& port, const View& view, Named* out) {
  for (const auto& [id, identity] : view.identities) {
    for (const NamedPort& known : identity.named_ports) {
      const bool meant = known.name == port.name && (port.protocol == 0 || port.protocol == known.protocol);
      if (meant) out->ports.insert({known.protocol, known.port});
    }
  }
}

void AddRule(const PolicyRule& rule, const View& view, Named* out) {
  if (rule.action != RuleAction::kAccept) return;
  if (rule.ports.empty()) out->whole.insert({kProtoTcp, kProtoUdp});
  for (const PolicyPort& port : rule.ports) {
    if (!port.name.empty()) {
      AddByName(port, view, out);
    } else if (port.first == 0) {
      out->whole.insert(port.protocol);
    } else {
      out->ports.insert({{port.protocol, port.first}, {port.protocol, port.last}});
    }
  }
}

}  // namespace

std::set<PortKey> TriedPorts(std::set<PortKey> seen, const PolicyDocuments& documents, const View& view) {
  Named named;
  for (const Policy& policy : documents.policies) {
    for (const PolicyRule& rule : policy.ingress) AddRule(rule, view, &named);
    for (const PolicyRule& rule : policy.egress) AddRule(rule, view, &named);
  }
  std::set<PortKey> out = std::move(seen);
  size_t room = kMaxNamedPorts;
  for (const PortKey& port : named.ports) {
    if (room > 0 && out.insert(port).second) --room;
  }
  for (const uint8_t protocol : named.whole) {
    uint16_t unused = 1;
    while (unused < UINT16_MAX && (out.contains({protocol, unused}) || named.ports.contains({protocol, unused}))) ++unused;
    out.insert({protocol, unused});
  }
  return out;
}

}  // namespace bulkhead::learn

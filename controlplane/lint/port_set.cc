// SPDX-License-Identifier: Apache-2.0
#include "controlplane/lint/port_set.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace bulkhead::lint {
namespace {

// What people look for first in an example.
constexpr std::array<std::pair<uint8_t, uint16_t>, 4> kWellKnown = {
    {{kProtoTcp, 443}, {kProtoTcp, 80}, {kProtoTcp, 22}, {kProtoUdp, 53}}};
constexpr std::array<uint8_t, 4> kUsual = {kProtoTcp, kProtoUdp, kProtoSctp, kProtoIcmp};

PortSet EveryNamed(uint8_t protocol) {
  if (protocol != 0) return PortSet::OfProtocol(protocol);
  return PortSet::OfProtocol(kProtoTcp).Or(PortSet::OfProtocol(kProtoUdp)).Or(PortSet::OfProtocol(kProtoSctp));
}

}  // namespace

bool PortSet::Holds(uint8_t protocol, uint16_t port) const { return Contains(Of(protocol, port, port)); }

PortSet PortSet::And(const PortSet& other) const {
  std::vector<Range> out;
  for (size_t i = 0, j = 0; i < ranges_.size() && j < other.ranges_.size();) {
    const Range& a = ranges_[i];
    const Range& b = other.ranges_[j];
    const Range both{std::max(a.first, b.first), std::min(a.second, b.second)};
    if (both.first <= both.second) out.push_back(both);
    ++(a.second < b.second ? i : j);
  }
  return PortSet(std::move(out));
}

PortSet PortSet::Or(const PortSet& other) const {
  std::vector<Range> all = ranges_;
  all.insert(all.end(), other.ranges_.begin(), other.ranges_.end());
  std::sort(all.begin(), all.end());
  std::vector<Range> out;
  for (const Range& range : all) {
    if (!out.empty() && range.first <= out.back().second + 1) {
      out.back().second = std::max(out.back().second, range.second);
    } else {
      out.push_back(range);
    }
  }
  return PortSet(std::move(out));
}

PortSet PortSet::Without(const PortSet& other) const {
  std::vector<Range> out;
  size_t j = 0;
  for (auto [first, last] : ranges_) {
    while (j < other.ranges_.size() && other.ranges_[j].second < first) ++j;
    for (size_t k = j; k < other.ranges_.size() && other.ranges_[k].first <= last && first <= last; ++k) {
      if (other.ranges_[k].first > first) out.emplace_back(first, other.ranges_[k].first - 1);
      first = other.ranges_[k].second + 1;
    }
    if (first <= last) out.emplace_back(first, last);
  }
  return PortSet(std::move(out));
}

std::pair<uint8_t, uint16_t> PortSet::Pick() const {
  const PortSet& self = *this;
  for (const auto& [protocol, port] : kWellKnown) {
    if (self.Holds(protocol, port)) return {protocol, port};
  }
  PortSet from;
  for (const uint8_t protocol : kUsual) {
    // Port 0 is no destination.
    from = self.And(HasPorts(protocol) ? Of(protocol, 1, 65535) : Of(protocol, 0, 0));
    if (!from.empty()) break;
  }
  const uint32_t at = (from.empty() ? self : from).ranges_.front().first;
  return {static_cast<uint8_t>(at >> 16), static_cast<uint16_t>(at)};
}

RulePorts RulePorts::Of(const std::vector<PolicyPort>& ports) {
  RulePorts out;
  if (ports.empty()) out.numbers = PortSet::All();
  for (const PolicyPort& port : ports) {
    if (port.name.empty()) {
      out.numbers = out.numbers.Or(PortsOf(port, {}));
    } else {
      out.names.emplace_back(port.protocol, port.name);
    }
  }
  return out;
}

PortSet RulePorts::At(const std::vector<NamedPort>& named) const {
  PortSet out = numbers;
  for (const auto& [protocol, name] : names) {
    for (const NamedPort& port : named) {
      if (port.name == name && (protocol == 0 || protocol == port.protocol)) {
        out = out.Or(PortSet::Of(port.protocol, port.port, port.port));
      }
    }
  }
  return out;
}

bool RulePorts::Contains(const RulePorts& other) const {
  if (!numbers.Contains(other.numbers)) return false;
  return std::all_of(other.names.begin(), other.names.end(), [&](const auto& wanted) {
    if (numbers.Contains(EveryNamed(wanted.first))) return true;
    return std::any_of(names.begin(), names.end(), [&](const auto& own) {
      return own.second == wanted.second && (own.first == 0 || own.first == wanted.first);
    });
  });
}

bool RulePorts::MustMeet(const RulePorts& other) const { return numbers.Meets(other.numbers); }

bool RulePorts::MayMeet(const RulePorts& other) const {
  if (!names.empty() || !other.names.empty()) return true;
  return numbers.Meets(other.numbers);
}

PortSet PortsOf(const PolicyPort& port, const std::vector<NamedPort>& named) {
  if (!port.name.empty()) return RulePorts{{}, {{port.protocol, port.name}}}.At(named);
  return port.first == 0 ? PortSet::OfProtocol(port.protocol) : PortSet::Of(port.protocol, port.first, port.last);
}

std::string PortText(uint8_t protocol, uint16_t port) {
  return HasPorts(protocol) ? absl::StrCat(port, "/", ProtocolName(protocol)) : ProtocolName(protocol);
}

}  // namespace bulkhead::lint

// SPDX-License-Identifier: Apache-2.0
// The small words that every part shares: protocols, modes, verdicts, reserved identities, positions in files.
#ifndef BULKHEAD_MODEL_COMMON_H_
#define BULKHEAD_MODEL_COMMON_H_

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead {

using Labels = std::map<std::string, std::string>;

// IANA protocol numbers that have a name in policy, flows and probes.
inline constexpr uint8_t kProtoIcmp = 1;
inline constexpr uint8_t kProtoTcp = 6;
inline constexpr uint8_t kProtoUdp = 17;
inline constexpr uint8_t kProtoIcmp6 = 58;
inline constexpr uint8_t kProtoSctp = 132;

// Lower-case name ("tcp"), or the number in decimal. ICMP of both families is "icmp".
inline std::string ProtocolName(uint8_t protocol) {
  switch (protocol) {
    case kProtoIcmp:
    case kProtoIcmp6: return "icmp";
    case kProtoTcp: return "tcp";
    case kProtoUdp: return "udp";
    case kProtoSctp: return "sctp";
    default: return std::to_string(protocol);
  }
}
// Accepts tcp, udp, sctp, icmp in any case; icmp gives kProtoIcmp whatever the family.
inline std::optional<uint8_t> ParseProtocol(std::string_view name) {
  std::string lower;
  for (char c : name) lower += (c >= 'A' && c <= 'Z') ? static_cast<char>(c + 32) : c;
  if (lower == "tcp") return kProtoTcp;
  if (lower == "udp") return kProtoUdp;
  if (lower == "sctp") return kProtoSctp;
  if (lower == "icmp") return kProtoIcmp;
  return std::nullopt;
}
inline bool HasPorts(uint8_t protocol) { return protocol == kProtoTcp || protocol == kProtoUdp || protocol == kProtoSctp; }

// What a service's denial does. Values are part of the BPF ABI (abi/policy.h) and of stored state.
enum class Mode : uint8_t { kLearn = 0, kAudit = 1, kEnforce = 2 };
inline const char* ModeName(Mode mode) {
  return mode == Mode::kEnforce ? "enforce" : mode == Mode::kAudit ? "audit" : "learn";
}
inline std::optional<Mode> ParseMode(std::string_view name) {
  if (name == "learn") return Mode::kLearn;
  if (name == "audit") return Mode::kAudit;
  if (name == "enforce") return Mode::kEnforce;
  return std::nullopt;
}

// Values are part of the BPF ABI (abi/policy.h) and of stored state.
enum class Verdict : uint8_t { kAllow = 0, kDeny = 1, kWouldDeny = 2 };
inline const char* VerdictName(Verdict verdict) {
  return verdict == Verdict::kAllow ? "allow" : verdict == Verdict::kDeny ? "deny" : "would-deny";
}

enum class Direction : uint8_t { kEgress = 0, kIngress = 1 };
inline const char* DirectionName(Direction direction) { return direction == Direction::kEgress ? "egress" : "ingress"; }

using IdentityId = uint32_t;
inline constexpr IdentityId kIdentityUnknown = 0;
inline constexpr IdentityId kIdentityHost = 1;
inline constexpr IdentityId kIdentityWorld = 2;
inline constexpr IdentityId kFirstIdentity = 16;

// Where something stands in a file. line and column count from 1; 0 = unknown.
struct SourcePos {
  std::string file;
  int line = 0;
  int column = 0;

  auto operator<=>(const SourcePos&) const = default;
  std::string ToString() const { return file + ":" + std::to_string(line) + ":" + std::to_string(column); }
};

}  // namespace bulkhead

#endif  // BULKHEAD_MODEL_COMMON_H_

// SPDX-License-Identifier: Apache-2.0
// The words of comments in proposals.
#include <ctime>

#include "absl/strings/str_cat.h"
#include "controlplane/learn/rules.h"

namespace bulkhead::learn {

std::string Printable(std::string_view text) {
  constexpr size_t kMaxBytes = 120;
  std::string out;
  for (const char c : text.substr(0, kMaxBytes)) out += c >= 0x20 && c < 0x7f ? c : '?';
  if (text.size() > kMaxBytes) out += "...";
  return out;
}

std::string NodeText(const Node& node) {
  switch (node.kind) {
    case PartyKind::kUnknown:
      return "unknown";
    case PartyKind::kHost:
      return "the host";
    case PartyKind::kWorld:
      return "outside";
    case PartyKind::kService:
      return Printable(absl::StrCat(node.ns, "/", node.service));
  }
  return "?";
}

std::string PortText(uint8_t protocol, uint16_t port) {
  if (!HasPorts(protocol)) return ProtocolName(protocol);
  return absl::StrCat(port, "/", ProtocolName(protocol));
}

std::string CountText(uint64_t count, std::string_view noun) {
  return absl::StrCat(count, " ", std::string(noun), count == 1 ? "" : "s");
}

std::string SpanText(uint64_t first_unix, uint64_t last_unix) {
  const auto format = [](uint64_t seconds, const char* how) {
    const time_t time = static_cast<time_t>(seconds);
    tm utc{};
    gmtime_r(&time, &utc);
    char text[32] = {};
    strftime(text, sizeof(text), how, &utc);
    return std::string(text);
  };
  const std::string first_day = format(first_unix, "%Y-%m-%d");
  const std::string first = format(first_unix, "%H:%M");
  const std::string last_day = format(last_unix, "%Y-%m-%d");
  const std::string last = format(last_unix, "%H:%M");
  if (first_day == last_day && first == last) return absl::StrCat(first_day, " ", first, " UTC");
  return absl::StrCat(first_day, " ", first, " .. ", first_day == last_day ? "" : last_day + " ", last, " UTC");
}

}  // namespace bulkhead::learn

// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/format.h"

#include <charconv>
#include <chrono>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "bulkhead/model/common.h"

namespace bulkhead::cli {
namespace {

// At most three digits and a suffix; one decimal below ten.
std::string Scaled(uint64_t value, uint64_t base, const char* suffixes) {
  double scaled = static_cast<double>(value);
  const double limit = static_cast<double>(base);
  while (scaled >= limit && suffixes[1] != '\0') {
    scaled /= limit;
    ++suffixes;
  }
  char text[32];
  std::snprintf(text, sizeof(text), scaled < 9.95 ? "%.1f%c" : "%.0f%c", scaled, *suffixes);
  return text;
}

// Length of the UTF-8 character at the start of `text` (RFC 3629); 0 = none, or one that a terminal could take for a command (C1).
size_t CharacterLength(std::string_view text) {
  const auto byte = [&text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto tail = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      if (i >= text.size() || (byte(i) & 0xc0) != 0x80) return false;
    }
    return true;
  };
  const uint8_t first = byte(0);
  if (first >= 0x20 && first < 0x7f) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1, 2) && !(first == 0xc2 && byte(1) < 0xa0) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!tail(1, 3) || (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)) return 0;
    // U+2028..202E and U+2066..2069 turn the direction of text or break lines.
    const bool steers = first == 0xe2 && ((byte(1) == 0x80 && byte(2) >= 0xa8 && byte(2) <= 0xae) ||
                                          (byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9));
    return steers ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    return tail(1, 4) && !(first == 0xf0 && byte(1) < 0x90) && !(first == 0xf4 && byte(1) > 0x8f) ? 4 : 0;
  }
  return 0;
}

absl::Status BadPort(std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", Printable(text), "\" is no port: expected PORT/PROTOCOL (5432/tcp), PROTOCOL/PORT, a port from 1 to 65535, or icmp"));
}

bool ParseNumber(std::string_view text, uint64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

std::string AgeText(uint64_t milliseconds) {
  const uint64_t seconds = milliseconds / 1000;
  if (seconds < 60) return absl::StrCat(seconds, "s");
  if (seconds < 3600) return absl::StrCat(seconds / 60, "m");
  if (seconds < 48 * 3600) return absl::StrCat(seconds / 3600, "h");
  return absl::StrCat(seconds / 86400, "d");
}

std::string AgoText(uint64_t unix_seconds) {
  const auto now = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count());
  return AgeText(now > unix_seconds ? (now - unix_seconds) * 1000 : 0);
}

std::string SizeText(uint64_t bytes) { return bytes < 1024 ? absl::StrCat(bytes, "B") : Scaled(bytes, 1024, "BKMGTPE"); }

std::string CountText(uint64_t count) { return count < 10'000 ? absl::StrCat(count) : Scaled(count, 1000, " kMGTPE"); }

std::string RateText(uint64_t count, uint64_t interval_ms) {
  const double rate = interval_ms == 0 ? 0 : static_cast<double>(count) * 1000 / static_cast<double>(interval_ms);
  if (count == 0 || rate >= 9.95) return CountText(static_cast<uint64_t>(rate + 0.5));
  char text[8];
  std::snprintf(text, sizeof(text), "%.1f", std::max(rate, 0.1));  // something is more than nothing
  return text;
}

std::string PortText(uint16_t port, std::string_view protocol) {
  const std::optional<uint8_t> number = ParseProtocol(protocol);
  if (number && HasPorts(*number)) return absl::StrCat(port, "/", std::string(protocol));
  return protocol.empty() ? "-" : std::string(protocol);
}

std::string DigestText(std::string_view digest, size_t length) {
  if (const size_t colon = digest.find(':'); colon != std::string_view::npos) digest.remove_prefix(colon + 1);
  return digest.empty() ? "-" : std::string(digest.substr(0, length));
}

std::string OrDash(std::string text) { return text.empty() ? "-" : text; }

std::string Join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (const std::string& part : parts) {
    if (&part != &parts.front()) out += separator;
    out += part;
  }
  return out;
}

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    if (length == 0) {
      char hex[8];
      std::snprintf(hex, sizeof(hex), "\\x%02x", static_cast<uint8_t>(text[0]));
      out += hex;
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

absl::StatusOr<PortArgument> ParsePort(std::string_view text) {
  std::string_view protocol = "tcp";
  std::string_view port = text;
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    port = text.substr(0, slash);
    protocol = text.substr(slash + 1);
    if (ParseProtocol(port)) std::swap(port, protocol);
  } else if (ParseProtocol(text)) {
    protocol = text;
    port = "";
  }
  const std::optional<uint8_t> number = ParseProtocol(protocol);
  if (!number) return BadPort(text);
  if (!HasPorts(*number)) {
    if (!port.empty()) return BadPort(text);
    return PortArgument{ProtocolName(*number), 0};
  }
  uint64_t value = 0;
  if (!ParseNumber(port, &value) || value < 1 || value > 65535) return BadPort(text);
  return PortArgument{ProtocolName(*number), static_cast<uint16_t>(value)};
}

absl::StatusOr<uint64_t> ParseDuration(std::string_view text) {
  constexpr uint64_t kMaxSeconds = 366 * 86400;
  const auto bad = [text] {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", Printable(text), "\" is no duration: expected a number with s, m, h or d (90s, 15m, 1h30m), up to 366d"));
  };
  uint64_t plain = 0;
  if (ParseNumber(text, &plain)) return plain >= 1 && plain <= kMaxSeconds ? absl::StatusOr<uint64_t>(plain) : bad();
  uint64_t total = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t unit = rest.find_first_not_of("0123456789");
    uint64_t number = 0;
    if (unit == std::string_view::npos || !ParseNumber(rest.substr(0, unit), &number) || number > kMaxSeconds) return bad();
    uint64_t seconds = 0;
    switch (rest[unit]) {
      case 's':
        seconds = 1;
        break;
      case 'm':
        seconds = 60;
        break;
      case 'h':
        seconds = 3600;
        break;
      case 'd':
        seconds = 86400;
        break;
      default:
        return bad();
    }
    total += number * seconds;
    if (total > kMaxSeconds) return bad();
    rest.remove_prefix(unit + 1);
  }
  return total >= 1 ? absl::StatusOr<uint64_t>(total) : bad();
}

}  // namespace bulkhead::cli

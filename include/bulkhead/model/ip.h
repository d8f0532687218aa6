// SPDX-License-Identifier: Apache-2.0
// IP and MAC addresses and prefixes as plain values. Everything here is immutable data; safe to use from any thread.
#ifndef BULKHEAD_MODEL_IP_H_
#define BULKHEAD_MODEL_IP_H_

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <compare>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead {

// One address. `bytes` is in network order; an IPv4 address fills the first 4 bytes and leaves the rest zero.
// The family is part of the value: 1.2.3.4 and ::ffff:1.2.3.4 are different addresses.
struct IpAddress {
  uint8_t family = 4;  // 4 or 6
  std::array<uint8_t, 16> bytes{};

  auto operator<=>(const IpAddress&) const = default;

  bool IsV4() const { return family == 4; }
  int BitLength() const { return IsV4() ? 32 : 128; }
  bool IsUnspecified() const { return bytes == std::array<uint8_t, 16>{}; }

  static IpAddress V4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) { return {4, {a, b, c, d}}; }

  // Accepts exactly what inet_pton does; no zone, no prefix length, no port.
  static std::optional<IpAddress> Parse(std::string_view text) {
    if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) return std::nullopt;
    const std::string copy(text);
    IpAddress out;
    out.family = copy.find(':') == std::string::npos ? 4 : 6;
    if (inet_pton(out.IsV4() ? AF_INET : AF_INET6, copy.c_str(), out.bytes.data()) != 1) return std::nullopt;
    return out;
  }

  std::string ToString() const {
    char text[INET6_ADDRSTRLEN] = {};
    inet_ntop(IsV4() ? AF_INET : AF_INET6, bytes.data(), text, sizeof(text));
    return text;
  }
};

// An address and the number of its leading bits that count; bits below are always zero.
struct Prefix {
  IpAddress address;
  uint8_t length = 0;

  auto operator<=>(const Prefix&) const = default;

  static Prefix Of(IpAddress address, int length) {
    for (int bit = length; bit < address.BitLength(); ++bit) {
      address.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80 >> (bit % 8)));
    }
    return {address, static_cast<uint8_t>(length)};
  }
  static Prefix Host(const IpAddress& address) { return {address, static_cast<uint8_t>(address.BitLength())}; }

  // "ADDRESS/LENGTH"; host bits are masked (policy semantics), a missing length is an error.
  static std::optional<Prefix> Parse(std::string_view text) {
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto address = IpAddress::Parse(text.substr(0, slash));
    const std::string_view digits = text.substr(slash + 1);
    int length = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (!address || error != std::errc() || end != digits.data() + digits.size() || digits[0] == '-') return std::nullopt;
    if (length > address->BitLength() || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
    return Of(*address, length);
  }

  bool Contains(const IpAddress& other) const {
    if (other.family != address.family) return false;
    const size_t whole = length / 8;
    if (std::memcmp(other.bytes.data(), address.bytes.data(), whole) != 0) return false;
    const auto mask = static_cast<uint8_t>(0xff00u >> (length % 8));  // 0 when no bits are left over
    return mask == 0 || ((other.bytes[whole] ^ address.bytes[whole]) & mask) == 0;
  }
  bool Contains(const Prefix& other) const { return other.length >= length && Contains(other.address); }

  std::string ToString() const { return address.ToString() + "/" + std::to_string(length); }
};

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  auto operator<=>(const MacAddress&) const = default;

  bool IsZero() const { return bytes == std::array<uint8_t, 6>{}; }

  static std::optional<MacAddress> Parse(std::string_view text) {  // "aa:bb:cc:dd:ee:ff"
    if (text.size() != 17) return std::nullopt;
    MacAddress out;
    for (size_t i = 0; i < 6; ++i) {
      const char* at = text.data() + i * 3;
      if (i < 5 && at[2] != ':') return std::nullopt;
      const auto [end, error] = std::from_chars(at, at + 2, out.bytes[i], 16);
      if (error != std::errc() || end != at + 2) return std::nullopt;
    }
    return out;
  }

  std::string ToString() const {
    char text[18];
    std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
    return text;
  }
};

}  // namespace bulkhead

#endif  // BULKHEAD_MODEL_IP_H_

// SPDX-License-Identifier: Apache-2.0
// How values look in tables, and how arguments are read. Pure functions.
#ifndef BULKHEAD_CONTROLPLANE_CLI_FORMAT_H_
#define BULKHEAD_CONTROLPLANE_CLI_FORMAT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace bulkhead::cli {

std::string AgeText(uint64_t milliseconds);                      // "2s", "3m", "5h", "12d"
std::string AgoText(uint64_t unix_seconds);                      // the age of a moment
std::string SizeText(uint64_t bytes);                            // "812B", "9.5K", "14K", "1.1M" (of 1024)
std::string CountText(uint64_t count);                           // "120", "14k", "1.1M" (of 1000)
std::string RateText(uint64_t count, uint64_t interval_ms);            // by the second: "0", "0.5", "120", "14k"
std::string PortText(uint16_t port, std::string_view protocol);  // "5432/tcp"; protocols without ports: "icmp"
std::string DigestText(std::string_view digest, size_t length);  // "sha256:9f1c..." -> its first digits; "-" for none
std::string OrDash(std::string text);                            // "-" for ""
std::string Join(const std::vector<std::string>& parts, std::string_view separator);

// Text from outside, fit for a terminal: control characters and bytes that are no UTF-8 become "\xNN".
std::string Printable(std::string_view text);

struct PortArgument {
  std::string protocol;
  uint16_t port = 0;  // 0 for protocols without ports
};
// "5432/tcp", "tcp/5432", "5432" (tcp), "icmp".
absl::StatusOr<PortArgument> ParsePort(std::string_view text);

// "90s", "15m", "1h30m", "2d", "60" (seconds); at least one second, at most 366 days. In seconds.
absl::StatusOr<uint64_t> ParseDuration(std::string_view text);

}  // namespace bulkhead::cli

#endif  // BULKHEAD_CONTROLPLANE_CLI_FORMAT_H_

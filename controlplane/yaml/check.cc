// SPDX-License-Identifier: Apache-2.0
#include "controlplane/yaml/check.h"

#include <cstdio>

#include "absl/strings/str_cat.h"

namespace bulkhead::yaml {
namespace {

struct Place {
  int line = 1;
  int column = 1;
};

absl::Status Error(const std::string& file, Place at, std::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(file, ":", at.line, ":", at.column, ": ", std::string(message)));
}

std::string Hex(unsigned char byte) {
  char text[8];
  std::snprintf(text, sizeof(text), "0x%02x", byte);
  return text;
}

// Bytes of the well-formed UTF-8 character that starts here (RFC 3629 section 4), or 0.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (first == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
    if (first == 0xed && byte(1) > 0x9f) return 0;  // surrogates
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (first == 0xf0 && byte(1) < 0x90) return 0;  // overlong
    if (first == 0xf4 && byte(1) > 0x8f) return 0;  // above U+10FFFF
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

// Counts brackets and commas without knowing quotes or comments, which is why its limits are generous: each node has at most one
// comma and two brackets, and no document that Limits::depth would pass has four times as many brackets open.
class BracketCount {
 public:
  explicit BracketCount(const Limits& limits) : max_open_(4 * limits.depth), max_total_(2 * limits.nodes) {}

  // The complaint, or "".
  std::string_view Count(char c) {
    if (c == '[' || c == '{') ++open_, ++total_;
    if ((c == ']' || c == '}') && open_ > 0) --open_, ++total_;
    if (c == ',' && open_ > 0) ++total_;
    if (open_ > max_open_) return "found brackets nested too deeply";
    if (total_ > max_total_) return "found too many list and map entries";
    return "";
  }

 private:
  int open_ = 0;
  size_t total_ = 0;
  int max_open_;
  size_t max_total_;
};

}  // namespace

absl::Status CheckText(std::string_view text, const std::string& file, const Limits& limits) {
  if (text.size() > limits.bytes) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": found ", text.size(), " bytes, expected at most ", limits.bytes));
  }
  BracketCount brackets(limits);
  Place at;
  for (size_t i = 0; i < text.size();) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c == 0x7f || (c < 0x20 && c != '\t' && c != '\n' && c != '\r')) {
      return Error(file, at, absl::StrCat("found the control byte ", Hex(c), ", expected text"));
    }
    const size_t length = Utf8Length(text.substr(i));
    if (length == 0) return Error(file, at, absl::StrCat("found the byte ", Hex(c), ", expected UTF-8 text"));
    if (const auto complaint = brackets.Count(text[i]); !complaint.empty()) return Error(file, at, complaint);
    i += length;
    ++at.column;
    if (c == '\n') at = {at.line + 1, 1};
  }
  return absl::OkStatus();
}

}  // namespace bulkhead::yaml

// SPDX-License-Identifier: Apache-2.0
// The words of error messages.
#include <algorithm>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "controlplane/yaml/node.h"

namespace bulkhead::yaml {
namespace {

constexpr size_t kMaxQuoted = 64;

// Insertions, deletions, changes and swaps of neighbours ("optimal string alignment") that turn a into b.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

bool AllDigits(std::string_view text, std::string_view digits) {
  return !text.empty() && text.find_first_not_of(digits) == std::string_view::npos;
}

// As YAML 1.1 and 1.2 resolve numbers; both, since what reads the file elsewhere may be either.
bool LooksLikeNumber(std::string_view text) {
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  const std::string lower = absl::AsciiStrToLower(std::string(text));
  if (lower == ".inf" || lower == ".nan") return true;
  if (lower.starts_with("0x")) return AllDigits(std::string_view(lower).substr(2), "0123456789abcdef_");
  if (lower.starts_with("0o")) return AllDigits(std::string_view(lower).substr(2), "01234567_");
  if (lower.starts_with("0b")) return AllDigits(std::string_view(lower).substr(2), "01_");
  std::string_view rest(lower);
  const size_t e = rest.find('e');
  if (e != std::string_view::npos) {
    std::string_view exponent = rest.substr(e + 1);
    if (!exponent.empty() && (exponent[0] == '+' || exponent[0] == '-')) exponent.remove_prefix(1);
    if (!AllDigits(exponent, "0123456789")) return false;
    rest = rest.substr(0, e);
  }
  if (const size_t dot = rest.find('.'); dot != std::string_view::npos) {
    const std::string_view whole = rest.substr(0, dot), part = rest.substr(dot + 1);
    if (whole.empty() && part.empty()) return false;
    return (whole.empty() || AllDigits(whole, "0123456789_")) && (part.empty() || AllDigits(part, "0123456789_"));
  }
  return AllDigits(rest, "0123456789_") && rest[0] != '_';
}

bool LooksLikeBool(std::string_view text) {
  const std::string lower = absl::AsciiStrToLower(std::string(text));
  return lower == "true" || lower == "false" || lower == "yes" || lower == "no" || lower == "on" || lower == "off";
}

}  // namespace

std::string At(const std::string& file, const Node& node, std::string_view message) {
  return absl::StrCat(file, ":", node.line, ":", node.column, ": ", std::string(message));
}

void AddError(const std::string& file, const Node& node, std::string_view message, std::vector<std::string>* errors) {
  if (errors->size() < kMaxErrors) errors->push_back(At(file, node, message));
}

std::string Quote(std::string_view text) {
  const bool cut = text.size() > kMaxQuoted;
  std::string out = "\"";
  for (const char c : text.substr(0, kMaxQuoted)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      char hex[8];
      std::snprintf(hex, sizeof(hex), "\\x%02x", byte);
      out += hex;
    } else {
      out += c;
    }
  }
  return out + (cut ? "...\"" : "\"");
}

std::string Describe(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kSequence:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
    case Node::Kind::kScalar:
      break;
  }
  if (!node.quoted && LooksLikeNumber(node.scalar)) return absl::StrCat("the number ", node.scalar.substr(0, kMaxQuoted));
  if (!node.quoted && LooksLikeBool(node.scalar)) return absl::StrCat("the bool ", node.scalar);
  return absl::StrCat("the string ", Quote(node.scalar));
}

bool IsString(const Node& node) {
  if (node.kind != Node::Kind::kScalar) return false;
  return node.quoted || (!LooksLikeNumber(node.scalar) && !LooksLikeBool(node.scalar));
}

std::string Nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > kMaxQuoted) return "";
  const std::string lower = absl::AsciiStrToLower(std::string(word));
  std::string best;
  size_t best_distance = std::min<size_t>(3, 1 + word.size() / 4) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kMaxQuoted) continue;
    const size_t distance = EditDistance(lower, absl::AsciiStrToLower(candidate));
    if (distance >= best_distance || distance >= candidate.size()) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

}  // namespace bulkhead::yaml

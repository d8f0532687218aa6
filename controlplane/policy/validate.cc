// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/validate.h"

#include <algorithm>

namespace bulkhead {
namespace {

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlnum(char c) { return IsLower(c) || (c >= 'A' && c <= 'Z') || IsDigit(c); }

bool IsDnsLabel(std::string_view text) {
  const auto edge = [](char c) { return IsLower(c) || IsDigit(c); };
  return !text.empty() && edge(text.front()) && edge(text.back()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return edge(c) || c == '-'; });
}

// What the name part of a label's key and a label's value have in common.
bool IsQualified(std::string_view text) {
  return !text.empty() && IsAlnum(text.front()) && IsAlnum(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsAlnum(c) || c == '-' || c == '_' || c == '.'; });
}

// The API document's pattern for domain names has [a-zA-z0-9] for a label's first byte, so what stands between Z and a is in it.
bool IsDomainLabel(std::string_view text) {
  if (text.empty() || text.size() > 63) return false;
  const bool begins = IsDigit(text.front()) || (text.front() >= 'A' && text.front() <= 'z');
  return begins && (text.size() == 1 || IsAlnum(text.back())) &&
         std::all_of(text.begin() + 1, text.end(), [](char c) { return IsAlnum(c) || c == '-' || c == '_'; });
}

constexpr char kQualified[] = "letters, digits, -, _ and . that begin and end with a letter or digit";

}  // namespace

std::string CheckDnsLabel(std::string_view text) {
  if (text.size() > 63) return "at most 63 characters";
  return IsDnsLabel(text) ? "" : "lower-case letters, digits and - that begin and end with a letter or digit";
}

std::string CheckDnsSubdomain(std::string_view text) {
  if (text.size() > 253) return "at most 253 characters";
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('.', begin), text.size());
    if (!IsDnsLabel(text.substr(begin, end - begin))) {
      return "lower-case letters, digits, - and . with a letter or digit at each end of each part";
    }
    begin = end + 1;
  }
  return "";
}

std::string CheckLabelKey(std::string_view text) {
  std::string_view name = text;
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    if (!CheckDnsSubdomain(text.substr(0, slash)).empty()) return "a DNS name before the /";
    name = text.substr(slash + 1);
  }
  if (name.size() > 63) return "a name of at most 63 characters";
  return IsQualified(name) ? "" : kQualified;
}

std::string CheckLabelValue(std::string_view text) {
  if (text.size() > 63) return "at most 63 characters";
  return text.empty() || IsQualified(text) ? "" : kQualified;
}

std::string CheckDomainName(std::string_view text) {
  static constexpr char kExpected[] = "a domain name such as www.example.com or *.example.com";
  if (text.starts_with("*.")) text.remove_prefix(2);
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.size() > 253) return "at most 253 characters";
  size_t labels = 0;
  for (size_t begin = 0; begin <= text.size(); ++labels) {
    const size_t end = std::min(text.find('.', begin), text.size());
    if (!IsDomainLabel(text.substr(begin, end - begin))) return kExpected;
    begin = end + 1;
  }
  return labels >= 2 ? "" : kExpected;
}

std::string CheckPortName(std::string_view text) {
  const bool fits = text.size() <= 15 && IsDnsLabel(text) && text.find("--") == std::string_view::npos &&
                    std::any_of(text.begin(), text.end(), IsLower);
  return fits ? "" : "a name of at most 15 lower-case letters, digits and single -, with a letter in it";
}

}  // namespace bulkhead

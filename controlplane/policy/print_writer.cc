// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/print_writer.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "controlplane/yaml/node.h"

namespace bulkhead {
namespace {

// The bytes of the UTF-8 character that `text` begins with; at least one, at most what is there.
size_t CharacterLength(std::string_view text) {
  size_t length = 1;
  while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xc0u) == 0x80u) ++length;
  return length;
}

// Its code point; 0xfffd, the replacement character, for more than three bytes: none of those needs an escape.
uint32_t CodePoint(std::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(character[i])); };
  switch (character.size()) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1fu) << 6 | (byte(1) & 0x3fu);
    case 3:
      return (byte(0) & 0x0fu) << 12 | (byte(1) & 0x3fu) << 6 | (byte(2) & 0x3fu);
    default:
      return 0xfffd;
  }
}

// What a double-quoted scalar cannot hold as it is: outside YAML's printable characters, or a line break of YAML 1.1 (NEL, LS, PS).
bool NeedsEscape(uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029 || point == 0xfeff ||
         point >= 0xfffe;
}

bool IsPlain(std::string_view text) {
  const auto plain = [](char c) { return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.' || c == '/'; };
  if (text.empty() || !absl::ascii_isalpha(text[0]) || !std::all_of(text.begin(), text.end(), plain)) return false;
  yaml::Node node;
  node.kind = yaml::Node::Kind::kScalar;
  node.scalar = std::string(text);
  const std::string lower = absl::AsciiStrToLower(node.scalar);
  return yaml::IsString(node) && lower != "null" && lower != "y" && lower != "n";  // YAML 1.1: y and n are bools
}

}  // namespace

std::string YamlScalar(std::string_view text) {
  if (IsPlain(text)) return std::string(text);
  std::string out = "\"";
  while (!text.empty()) {
    const std::string_view character = text.substr(0, CharacterLength(text));
    text.remove_prefix(character.size());
    const uint32_t point = CodePoint(character);
    if (point == '"' || point == '\\') {
      out += '\\';
      out += character;
    } else if (NeedsEscape(point)) {
      char escape[12];
      std::snprintf(escape, sizeof(escape), point <= 0xff ? "\\x%02x" : "\\u%04x", point);
      out += escape;
    } else {
      out += character;
    }
  }
  return out + "\"";
}

void YamlWriter::Line(int depth, const std::string& text) {
  std::string indent(static_cast<size_t>(depth) * 2, ' ');
  if (item_) indent.replace(indent.size() - 2, 2, "- ");
  item_ = false;
  absl::StrAppend(&out_, indent, text, "\n");
}

void YamlWriter::Comment(int depth, const std::vector<std::string>& lines) {
  for (std::string line : lines) {
    std::replace_if(
        line.begin(), line.end(), [](char c) { return absl::ascii_iscntrl(c); }, ' ');
    std::replace_if(
        line.begin(), line.end(), [](char c) { return !absl::ascii_isascii(c); }, '?');  // some end a line in YAML 1.1
    absl::StrAppend(&out_, std::string(static_cast<size_t>(depth) * 2, ' '), "# ", line, "\n");
  }
}

void YamlWriter::Map(int depth, const std::string& name, const Labels& labels) {
  if (labels.empty()) return;
  Line(depth, name + ":");
  for (const auto& [key, value] : labels) Line(depth + 1, absl::StrCat(YamlScalar(key), ": ", YamlScalar(value)));
}

void YamlWriter::Selector(int depth, const std::string& name, const LabelSelector& selector) {
  if (selector.match_labels.empty() && selector.match_expressions.empty()) return Line(depth, name + ": {}");
  Line(depth, name + ":");
  Map(depth + 1, "matchLabels", selector.match_labels);
  if (selector.match_expressions.empty()) return;
  Line(depth + 1, "matchExpressions:");
  for (const LabelRequirement& requirement : selector.match_expressions) {
    static constexpr const char* kNames[] = {"In", "NotIn", "Exists", "DoesNotExist"};
    Item();
    Line(depth + 2, "key: " + YamlScalar(requirement.key));
    Line(depth + 2, absl::StrCat("operator: ", kNames[static_cast<int>(requirement.op)]));
    if (requirement.values.empty()) continue;
    Line(depth + 2, "values:");
    for (const std::string& value : requirement.values) Line(depth + 2, "- " + YamlScalar(value));
  }
}

}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
// yaml-cpp's events -> our tree, within bounds. Its Node API is not used: it takes 200 MB for a hostile megabyte.
#include <algorithm>
#include <exception>
#include <istream>
#include <streambuf>

#include "absl/strings/str_cat.h"
#include "controlplane/yaml/check.h"
#include "controlplane/yaml/node.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/mark.h"
#include "yaml-cpp/parser.h"

namespace bulkhead::yaml {
namespace {

// Stops yaml-cpp in the middle of a document; never leaves this file.
struct Stop : std::exception {
  Stop(int at_line, int at_column, std::string text) : line(at_line), column(at_column), message(std::move(text)) {}
  int line, column;
  std::string message;
};

// Reads from memory that it does not own.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // a get area is never written to
    setg(begin, begin, begin + text.size());
  }
};

class Builder : public YAML::EventHandler {
 public:
  explicit Builder(const Limits& limits) : limits_(limits) {}

  std::vector<Node> Take() { return std::move(documents_); }
  std::pair<int, int> last_quoted() const { return last_quoted_; }  // line and column; 0: none

  // At a stray comma or bracket yaml-cpp finds one empty document after the other.
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (mark.pos == last_start_) {
      throw Stop(mark.line + 1, mark.column + 1, "not YAML: found what begins no value, expected --- or the end");
    }
    last_start_ = mark.pos;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Add(Make(mark, Node::Kind::kNull, anchor)); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Stop(mark.line + 1, mark.column + 1,
               "found an alias (*), expected the value itself: anchors and aliases are not supported");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    Node node = Make(mark, Node::Kind::kScalar, anchor);
    // yaml-cpp: "?" for a plain scalar, "!" for one in quotes or a block.
    node.quoted = tag == "!";
    if (!node.quoted && tag != "?" && !tag.empty()) RefuseTag(mark, tag);
    node.scalar = value;
    if (node.quoted) last_quoted_ = {node.line, node.column};
    Add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    Open(mark, Node::Kind::kSequence, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    Open(mark, Node::Kind::kMap, tag, anchor);
  }
  void OnMapEnd() override {
    RefuseDuplicates(open_.back().node);
    Close();
  }

 private:
  struct Frame {
    Node node;
    Node key;
    bool has_key = false;
  };

  Node Make(const YAML::Mark& mark, Node::Kind kind, YAML::anchor_t anchor) {
    const int line = mark.line + 1, column = mark.column + 1;
    if (anchor != 0) throw Stop(line, column, "found an anchor (&), expected a value: anchors and aliases are not supported");
    if (++nodes_ > limits_.nodes) throw Stop(line, column, absl::StrCat("found more than ", limits_.nodes, " values"));
    Node node;
    node.kind = kind;
    node.line = line;
    node.column = column;
    return node;
  }

  static void RefuseTag(const YAML::Mark& mark, const std::string& tag) {
    throw Stop(mark.line + 1, mark.column + 1,
               absl::StrCat("found the tag ", Quote(tag), ", expected a value: tags are not supported"));
  }

  void Open(const YAML::Mark& mark, Node::Kind kind, const std::string& tag, YAML::anchor_t anchor) {
    if (tag != "?" && !tag.empty()) RefuseTag(mark, tag);
    Node node = Make(mark, kind, anchor);
    if (static_cast<int>(open_.size()) >= limits_.depth) {
      throw Stop(node.line, node.column, absl::StrCat("found more than ", limits_.depth, " levels of nesting"));
    }
    open_.push_back({std::move(node), {}, false});
  }

  void Close() {
    Node node = std::move(open_.back().node);
    open_.pop_back();
    Add(std::move(node));
  }

  void Add(Node node) {
    if (open_.empty()) {
      if (node.kind != Node::Kind::kNull) documents_.push_back(std::move(node));
      return;
    }
    Frame& top = open_.back();
    if (top.node.kind == Node::Kind::kSequence) {
      top.node.items.push_back(std::move(node));
    } else if (!top.has_key) {
      if (node.kind != Node::Kind::kScalar)
        throw Stop(node.line, node.column, absl::StrCat("found ", Describe(node), ", expected a key"));
      top.key = std::move(node);
      top.has_key = true;
    } else {
      top.node.members.push_back({std::move(top.key), std::move(node)});
      top.has_key = false;
    }
  }

  static void RefuseDuplicates(const Node& map) {
    std::vector<const Node*> keys;
    for (const auto& [key, value] : map.members) keys.push_back(&key);
    std::stable_sort(keys.begin(), keys.end(), [](const Node* a, const Node* b) { return a->scalar < b->scalar; });
    const Node* first = nullptr;  // the earliest in the file, so that the message does not depend on the alphabet
    const Node* before = nullptr;
    for (size_t i = 1; i < keys.size(); ++i) {
      if (keys[i]->scalar != keys[i - 1]->scalar) continue;
      if (first && std::pair(first->line, first->column) < std::pair(keys[i]->line, keys[i]->column)) continue;
      first = keys[i];
      before = keys[i - 1];
    }
    if (!first) return;
    throw Stop(first->line, first->column,
               absl::StrCat("found the key ", Quote(first->scalar), " a second time (the first is in line ", before->line, ")"));
  }

  const Limits limits_;
  size_t nodes_ = 0;
  int last_start_ = -1;
  std::pair<int, int> last_quoted_ = {0, 0};
  std::vector<Frame> open_;
  std::vector<Node> documents_;
};

std::string_view FromLine(std::string_view text, int line) {
  for (int i = 1; i < line; ++i) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return "";
    text.remove_prefix(end + 1);
  }
  return text;
}

// Where the commonest of all mistakes is the cause, yaml-cpp's own words do not say so.
const char* TabHint(std::string_view text, int line) {
  const std::string_view rest = FromLine(text, line);
  const size_t first = rest.find_first_not_of(' ');
  return first != std::string_view::npos && rest[first] == '\t' ? " (this line is indented with a tab, expected spaces)" : "";
}

// yaml-cpp takes the end of the file for the closing quote when a line's end stands before it.
bool IsUnclosed(std::string_view text, int line, int column) {
  if (line == 1 && text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // the byte order mark has no column
  std::string_view rest = FromLine(text, line);
  rest.remove_prefix(std::min(rest.size(), static_cast<size_t>(column - 1)));
  if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) return false;
  const char quote = rest[0];
  for (size_t i = 1; i < rest.size(); ++i) {
    if (quote == '"' && rest[i] == '\\') {
      ++i;
    } else if (rest[i] == quote) {
      if (quote == '"' || i + 1 == rest.size() || rest[i + 1] != quote) return false;
      ++i;  // '' is a quote within single quotes
    }
  }
  return true;
}

absl::Status Broken(std::string_view text, const std::string& file, const YAML::Exception& error) {
  if (error.mark.is_null()) return absl::InvalidArgumentError(absl::StrCat(file, ": not YAML: ", error.msg));
  const int line = error.mark.line + 1;
  return absl::InvalidArgumentError(
      absl::StrCat(file, ":", line, ":", error.mark.column + 1, ": not YAML: ", error.msg, TabHint(text, line)));
}

}  // namespace

absl::StatusOr<std::vector<Node>> Parse(std::string_view text, const std::string& file, const Limits& limits) {
  if (const absl::Status status = CheckText(text, file, limits); !status.ok()) return status;
  Builder builder(limits);
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop& stop) {
    return absl::InvalidArgumentError(absl::StrCat(file, ":", stop.line, ":", stop.column, ": ", stop.message));
  } catch (const YAML::Exception& error) {
    return Broken(text, file, error);
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": not YAML: ", error.what()));
  }
  if (const auto [line, column] = builder.last_quoted(); line > 0 && IsUnclosed(text, line, column)) {
    return absl::InvalidArgumentError(absl::StrCat(file, ":", line, ":", column, ": found a quote that is never closed"));
  }
  return builder.Take();
}

}  // namespace bulkhead::yaml

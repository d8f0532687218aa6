// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/table.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "controlplane/cli/format.h"

namespace bulkhead::cli {
namespace {

// Characters, not bytes: every byte that does not continue one.
size_t WidthOf(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

const char* CodeOf(Colour colour) {
  switch (colour) {
    case Colour::kGreen:
      return "\033[32m";
    case Colour::kYellow:
      return "\033[33m";
    case Colour::kRed:
      return "\033[31m";
    case Colour::kDim:
      return "\033[2m";
    case Colour::kNone:
      break;
  }
  return "";
}

}  // namespace

Colour ColourOf(std::string_view word) {
  if (word == "allow" || word == "enforce" || word == "protected") return Colour::kGreen;
  if (word == "would-deny" || word == "audit" || word == "attaching") return Colour::kYellow;
  if (word == "deny" || word == "unprotected") return Colour::kRed;
  return Colour::kNone;
}

bool WantsColour() {
  static const bool wants = [] {
    const char* no_color = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
           (term == nullptr || std::string_view(term) != "dumb");
  }();
  return wants;
}

std::string Coloured(std::string_view text, Colour colour) {
  if (colour == Colour::kNone || !WantsColour()) return std::string(text);
  return CodeOf(colour) + std::string(text) + "\033[0m";
}

Table::Table(std::vector<Column> columns, bool follow) : columns_(std::move(columns)), follow_(follow), streaming_(follow) {
  std::vector<Cell> titles;
  for (Column& column : columns_) {
    column.width = std::max(column.width, WidthOf(column.title));
    titles.emplace_back(column.title);
  }
  if (streaming_) {
    Print(titles);
  } else {
    window_.push_back(std::move(titles));
  }
}

Table::~Table() {
  if (sort_ && !streaming_) {
    std::stable_sort(window_.begin() + 1, window_.end(), [](const std::vector<Cell>& a, const std::vector<Cell>& b) {
      return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                          [](const Cell& x, const Cell& y) { return x.text < y.text; });
    });
  }
  Flush();
}

void Table::Add(std::vector<Cell> row) {
  for (size_t i = 0; i < row.size(); ++i) {
    row[i].text = Printable(row[i].text);
    columns_[i].width = std::max(columns_[i].width, WidthOf(row[i].text));
  }
  if (streaming_) return Print(row);
  window_.push_back(std::move(row));
  if (window_.size() > kWindow) {
    Flush();
    streaming_ = true;
  }
}

void Table::Flush() {
  for (const std::vector<Cell>& row : window_) Print(row);
  window_.clear();
  std::fflush(stdout);
}

void Table::Print(const std::vector<Cell>& row) {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    line += Coloured(row[i].text, row[i].colour);
    if (i + 1 < row.size()) line.append(columns_[i].width - WidthOf(row[i].text) + 2, ' ');
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stdout);
  if (follow_) std::fflush(stdout);
}

}  // namespace bulkhead::cli

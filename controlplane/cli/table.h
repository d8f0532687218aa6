// SPDX-License-Identifier: Apache-2.0
// Table: rows in columns that are as wide as they must be. Cells are made fit for a terminal. One thread.
#ifndef BULKHEAD_CONTROLPLANE_CLI_TABLE_H_
#define BULKHEAD_CONTROLPLANE_CLI_TABLE_H_

#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::cli {

enum class Colour : unsigned char { kNone, kGreen, kYellow, kRed, kDim };

struct Cell {
  Cell(std::string text, Colour colour = Colour::kNone) : text(std::move(text)), colour(colour) {}  // NOLINT: a text is a cell
  Cell(const char* text) : text(text) {}                                                            // NOLINT
  std::string text;
  Colour colour;
};

// The colour of a verdict, a mode, or a state of protection.
Colour ColourOf(std::string_view word);
// Whether stdout is a terminal that wants colour (https://no-color.org).
bool WantsColour();
// The text in colour, if stdout wants it.
std::string Coloured(std::string_view text, Colour colour);

struct Column {
  Column(const char* title, size_t min_width = 0) : title(title), width(min_width) {}  // NOLINT: a title is a column
  const char* title;
  size_t width;  // in characters
};

class Table {
 public:
  // follow: each row is printed at once, in columns that only grow. Else the first kWindow rows decide how wide the columns are.
  explicit Table(std::vector<Column> columns, bool follow = false);
  ~Table();  // prints what is left
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  void Add(std::vector<Cell> row);
  // Rows come out in the order of their texts, if there are no more than kWindow of them; else as they came.
  void Sort() { sort_ = true; }

 private:
  static constexpr size_t kWindow = 2000;

  void Print(const std::vector<Cell>& row);
  void Flush();

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> window_;
  const bool follow_;
  bool streaming_;
  bool sort_ = false;
};

}  // namespace bulkhead::cli

#endif  // BULKHEAD_CONTROLPLANE_CLI_TABLE_H_

// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/mutator.h"

#include <fstream>

namespace bulkhead {

std::vector<std::string> ReadDictionary(const std::string& path) {
  std::vector<std::string> out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.size() < 2 || line.front() != '"') continue;
    std::string word;
    for (size_t i = 1; i + 1 < line.size(); ++i) {
      if (line[i] != '\\') {
        word += line[i];
      } else if (line[++i] == 'x') {
        word += static_cast<char>(std::stoi(line.substr(i + 1, 2), nullptr, 16));
        i += 2;
      } else {
        word += line[i];
      }
    }
    out.push_back(word);
  }
  return out;
}

std::string Mutator::Next() {
  std::string text = OneOf(seeds_);
  for (size_t i = 0, count = 1 + Below(8); i < count; ++i) Step(&text);
  return text;
}

void Mutator::Step(std::string* text) {
  const size_t at = Below(text->size() + 1);
  switch (Below(6)) {
    case 0:
      text->insert(at, OneOf(pieces_));
      break;
    case 1:
      text->erase(at, 1 + Below(40));
      break;
    case 2:
      if (at < text->size()) (*text)[at] = static_cast<char>(Below(256));
      break;
    case 3:
      text->insert(at, text->substr(Below(text->size() + 1), Below(200)));
      break;
    case 4: {
      const std::string& other = OneOf(seeds_);
      text->insert(at, other.substr(Below(other.size() + 1), Below(200)));
      break;
    }
    case 5: {
      const std::string& piece = OneOf(pieces_);
      if (Below(2) == 0) {
        text->replace(at, piece.size(), piece);
      } else {
        for (size_t i = 0, count = Below(300); i < count; ++i) text->insert(at, piece);
      }
      break;
    }
  }
}

}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
// YAML by lines, and the parts that every kind of policy has. Not safe to share between threads.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_PRINT_WRITER_H_
#define BULKHEAD_CONTROLPLANE_POLICY_PRINT_WRITER_H_

#include <string>
#include <string_view>
#include <vector>

#include "bulkhead/model/policy.h"

namespace bulkhead {

// `depth` is in steps of two spaces.
class YamlWriter {
 public:
  // The next line begins a list item: "- " stands where its indentation would end.
  void Item() { item_ = true; }
  void Line(int depth, const std::string& text);
  void Comment(int depth, const std::vector<std::string>& lines);
  void Map(int depth, const std::string& name, const Labels& labels);  // nothing when empty
  void Selector(int depth, const std::string& name, const LabelSelector& selector);

  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
  bool item_ = false;
};

// A scalar that YAML 1.1 and 1.2 read as this very string (UTF-8): plain where that is safe, else in double quotes.
std::string YamlScalar(std::string_view text);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_POLICY_PRINT_WRITER_H_

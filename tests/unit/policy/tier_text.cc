// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/policy/tier_text.h"

#include "absl/strings/str_cat.h"
#include "controlplane/policy/parse.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead {

std::string Cnp(const std::string& rules) {
  return absl::StrCat(kCnpHead, "spec: {tier: Admin, priority: 5, subject: {namespaces: {}}, ", rules, "}\n");
}
std::string Anp(const std::string& rules) {
  return absl::StrCat(kAnpHead, "spec: {priority: 5, subject: {namespaces: {}}, ", rules, "}\n");
}
std::string Banp(const std::string& rules) { return absl::StrCat(kBanpHead, "spec: {subject: {namespaces: {}}, ", rules, "}\n"); }

std::vector<std::string> TierErrors(const std::string& text) { return ParsePolicies(text, "f").errors; }

std::string TierError(const std::string& text) {
  const std::vector<std::string> errors = TierErrors(text);
  if (errors.size() != 1) {
    std::string all = absl::StrCat(errors.size(), " errors:");
    for (const std::string& error : errors) absl::StrAppend(&all, "\n", error);
    return all;
  }
  return errors[0].substr(errors[0].find(": ") + 2);
}

Policy OneTier(const std::string& text) {
  const PolicyFile file = ParsePolicies(text, "f");
  EXPECT_THAT(file.errors, ::testing::IsEmpty()) << text;
  return file.documents.policies.size() == 1 ? file.documents.policies[0] : Policy{};
}

std::string Repeat(int count, const std::string& item) {
  std::string out = "[";
  for (int i = 0; i < count; ++i) absl::StrAppend(&out, i == 0 ? "" : ", ", item);
  return out + "]";
}

}  // namespace bulkhead

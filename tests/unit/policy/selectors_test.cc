// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/selectors.h"

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using Op = LabelRequirement::Op;

bool Has(const std::string& key, Op op, std::vector<std::string> values, const Labels& labels) {
  return Matches(LabelSelector{{}, {{key, op, std::move(values)}}}, labels);
}

TEST(SelectorsTest, EmptySelectorMatchesEverything) {
  EXPECT_TRUE(Matches(LabelSelector{}, {}));
  EXPECT_TRUE(Matches(LabelSelector{}, {{"a", "b"}}));
}

TEST(SelectorsTest, AllLabelsMustMatch) {
  const LabelSelector selector{{{"a", "1"}, {"b", "2"}}, {}};
  EXPECT_TRUE(Matches(selector, {{"a", "1"}, {"b", "2"}, {"c", "3"}}));
  EXPECT_FALSE(Matches(selector, {{"a", "1"}}));
  EXPECT_FALSE(Matches(selector, {{"a", "1"}, {"b", "1"}}));
}

TEST(SelectorsTest, Operators) {
  const Labels labels = {{"a", "1"}};
  EXPECT_TRUE(Has("a", Op::kIn, {"2", "1"}, labels));
  EXPECT_FALSE(Has("a", Op::kIn, {"2"}, labels));
  EXPECT_FALSE(Has("b", Op::kIn, {"1"}, labels));
  EXPECT_FALSE(Has("a", Op::kNotIn, {"1"}, labels));
  EXPECT_TRUE(Has("a", Op::kNotIn, {"2"}, labels));
  EXPECT_TRUE(Has("b", Op::kNotIn, {"1"}, labels));  // no such label: not in
  EXPECT_TRUE(Has("a", Op::kExists, {}, labels));
  EXPECT_FALSE(Has("b", Op::kExists, {}, labels));
  EXPECT_FALSE(Has("a", Op::kDoesNotExist, {}, labels));
  EXPECT_TRUE(Has("b", Op::kDoesNotExist, {}, labels));
}

TEST(SelectorsTest, NamespacesHaveTheirName) {
  const std::map<std::string, Labels> declared = {{"shop", {{"team", "a"}, {kNamespaceNameLabel, "liar"}}}};
  EXPECT_EQ(NamespaceLabels(declared, "shop"), (Labels{{"team", "a"}, {kNamespaceNameLabel, "shop"}}));
  EXPECT_EQ(NamespaceLabels(declared, "other"), (Labels{{kNamespaceNameLabel, "other"}}));
}

TEST(SelectorsTest, TextForPeople) {
  EXPECT_EQ(SelectorText({}), "all");
  EXPECT_EQ(SelectorText(
                {{{"app", "db"}},
                 {{"tier", Op::kIn, {"a", "b"}}, {"x", Op::kNotIn, {"c"}}, {"y", Op::kExists, {}}, {"z", Op::kDoesNotExist, {}}}}),
            "app=db,tier in (a,b),x notin (c),y,!z");
}

}  // namespace
}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
#include "controlplane/yaml/node.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead::yaml {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FieldsTest : public ::testing::Test {
 protected:
  Fields Of(const std::string& text, const std::string& what = "spec") {
    root_ = std::move(Parse(text, "f")->at(0));
    return Fields(root_, "f", what, &errors_);
  }

  Node root_;
  std::vector<std::string> errors_;
};

TEST_F(FieldsTest, ReadsEachType) {
  Fields fields = Of("s: text\ni: -5\nb: true\nl: [x, '1']\nm: {a: b, c: }\nn: null\nk: x\n");
  EXPECT_EQ(fields.String("s"), "text");
  EXPECT_EQ(fields.Integer("i", -10, 10, 0), -5);
  EXPECT_TRUE(fields.Bool("b", false));
  EXPECT_THAT(fields.Strings("l"), ElementsAre("x", "1"));
  EXPECT_EQ(fields.StringMap("m"), (Labels{{"a", "b"}, {"c", ""}}));
  EXPECT_EQ(fields.Get("n"), nullptr);
  fields.Ignore("k");
  fields.Finish();
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(FieldsTest, AbsentFieldsHaveDefaults) {
  Fields fields = Of("{}");
  EXPECT_EQ(fields.String("s"), "");
  EXPECT_EQ(fields.Integer("i", 0, 10, 7), 7);
  EXPECT_TRUE(fields.Bool("b", true));
  EXPECT_TRUE(fields.Strings("l").empty());
  EXPECT_TRUE(fields.StringMap("m").empty());
  fields.Finish();
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(FieldsTest, SaysWhatWasFoundAndWhatExpected) {
  Fields fields = Of("s: [1]\nn: 5\ni: x\nr: 11\nq: '5'\nb: maybe\nl: {}\nm: [a]\nv: {a: true}\ne: [3]\n");
  fields.String("s");
  fields.String("n");
  fields.Integer("i", 0, 10, 0);
  fields.Integer("r", 0, 10, 0);
  fields.Integer("q", 0, 10, 0);
  fields.Bool("b", false);
  fields.Strings("l");
  fields.StringMap("m");
  fields.StringMap("v");
  fields.Strings("e");
  fields.String("gone", Fields::kRequired);
  EXPECT_THAT(
      errors_,
      ElementsAre("f:1:4: spec.s: found a list, expected a string",
                  "f:2:4: spec.n: found the number 5, expected a string (write it in quotes)",
                  "f:3:4: spec.i: found the string \"x\", expected a whole number from 0 to 10",
                  "f:4:4: spec.r: found the number 11, expected a whole number from 0 to 10",
                  "f:5:4: spec.q: found the string \"5\", expected a whole number from 0 to 10",
                  "f:6:4: spec.b: found the string \"maybe\", expected true or false",
                  "f:7:4: spec.l: found a map, expected a list", "f:8:4: spec.m: found a list, expected a map of strings",
                  "f:9:8: spec.v[\"a\"]: found the bool true, expected a string (write it in quotes)",
                  "f:10:5: spec.e: found the number 3, expected a string", "f:1:1: spec: required field \"gone\" is missing"));
}

TEST_F(FieldsTest, NamesTheNearestField) {
  Fields fields = Of("podSelecter: {}\nxyzzy: 1\nPorts: 1\n");
  fields.Get("podSelector");
  fields.Get("ports");
  fields.Finish();
  EXPECT_THAT(errors_, ElementsAre("f:1:1: unknown field \"podSelecter\" (did you mean podSelector?)",
                                   "f:2:1: unknown field \"xyzzy\"", "f:3:1: unknown field \"Ports\" (did you mean ports?)"));
}

TEST_F(FieldsTest, ANodeThatIsNoMapIsOneError) {
  Fields fields = Of("[1]");
  EXPECT_EQ(fields.Get("a", Fields::kRequired), nullptr);
  fields.Finish();
  EXPECT_THAT(errors_, ElementsAre("f:1:1: spec: found a list, expected a map"));
}

TEST_F(FieldsTest, StopsAtTheMostErrors) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "k" + std::to_string(i) + ": 1\n";
  Fields fields = Of(text);
  fields.Finish();
  EXPECT_EQ(errors_.size(), kMaxErrors);
}

TEST(TextTest, TellsStringsFromWhatYamlReadsOtherwise) {
  const auto is_string = [](const std::string& text, bool quoted = false) {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.scalar = text;
    node.quoted = quoted;
    return IsString(node);
  };
  for (const char* text : {"a", "1a", "0xg", "1.2.3", "v1", "-", ".", "e5", "1e", "_1", "2020-01-01", "1:30", "+"}) {
    EXPECT_TRUE(is_string(text)) << text;
  }
  for (const char* text : {"1", "-1", "+1", "0x1F", "0o17", "0b1", "1.5", ".5", "1.", "1e3", "1E-3", ".inf", "-.Inf", ".NaN",
                           "true", "No", "ON", "1_000"}) {
    EXPECT_FALSE(is_string(text)) << text;
    EXPECT_TRUE(is_string(text, true)) << text;
  }
}

TEST(TextTest, QuotesAnyBytes) {
  EXPECT_EQ(Quote("a\"b\\c\n\x1b\xff"), "\"a\\\"b\\\\c\\x0a\\x1b\\xff\"");
  EXPECT_EQ(Quote(std::string(1000, 'a')), "\"" + std::string(64, 'a') + "...\"");
}

TEST(TextTest, NearestIsNearOrNothing) {
  const std::vector<std::string> names = {"podSelector", "namespaceSelector", "to", "from"};
  EXPECT_EQ(Nearest("podselector", names), "podSelector");
  EXPECT_EQ(Nearest("nameSpaceSelecter", names), "namespaceSelector");
  EXPECT_EQ(Nearest("form", names), "from");
  EXPECT_EQ(Nearest("xx", names), "");
  EXPECT_EQ(Nearest("", names), "");
  EXPECT_EQ(Nearest(std::string(1 << 20, 'a'), names), "");
}

}  // namespace
}  // namespace bulkhead::yaml

// SPDX-License-Identifier: Apache-2.0
#include <functional>

#include "controlplane/yaml/node.h"
#include "gtest/gtest.h"
#include "tests/places/places.h"

namespace bulkhead::yaml {
namespace {

std::string Error(std::string_view text, const Limits& limits = {}) {
  const auto parsed = Parse(text, "f", limits);
  return parsed.ok() ? "" : std::string(parsed.status().message());
}

Node One(std::string_view text) {
  auto parsed = Parse(text, "f");
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  if (!parsed.ok() || parsed->size() != 1) return {};
  return std::move(parsed->front());
}

std::string Repeat(std::string_view part, size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += part;
  return out;
}

TEST(ParseTest, KeepsKindsAndPositions) {
  const Node root = One("a:\n  - x\n  - {b: 'c'}\nd:\n");
  ASSERT_EQ(root.kind, Node::Kind::kMap);
  const Node* a = root.Find("a");
  ASSERT_EQ(a->kind, Node::Kind::kSequence);
  EXPECT_EQ(a->items[0].scalar, "x");
  EXPECT_FALSE(a->items[0].quoted);
  EXPECT_EQ(a->items[0].line, 2);
  EXPECT_EQ(a->items[0].column, 5);
  EXPECT_TRUE(a->items[1].Find("b")->quoted);
  EXPECT_EQ(root.members[1].key.line, 4);
  EXPECT_EQ(root.Find("d")->kind, Node::Kind::kNull);
  EXPECT_EQ(root.Find("e"), nullptr);
}

TEST(ParseTest, ReadsEveryStyleOfScalar) {
  const Node root = One("p: plain text\ns: 'it''s'\nd: \"a\\tb\\u00e4\"\nl: |\n  one\n  two\nf: >-\n  one\n  two\n");
  EXPECT_EQ(root.Find("p")->scalar, "plain text");
  EXPECT_EQ(root.Find("s")->scalar, "it's");
  EXPECT_EQ(root.Find("d")->scalar, "a\tb\xc3\xa4");
  EXPECT_EQ(root.Find("l")->scalar, "one\ntwo\n");
  EXPECT_EQ(root.Find("f")->scalar, "one two");
  EXPECT_TRUE(root.Find("l")->quoted);
}

TEST(ParseTest, ReadsJsonIndentedWithTabs) {
  const Node root = One("{\n\t\"a\": [1, 2.5, true, null, \"x\\n\"],\n\t\"b\": {}\n}\n");
  ASSERT_EQ(root.Find("a")->items.size(), 5u);
  EXPECT_EQ(root.Find("a")->items[3].kind, Node::Kind::kNull);
  EXPECT_EQ(root.Find("a")->items[4].scalar, "x\n");
  EXPECT_EQ(root.Find("b")->kind, Node::Kind::kMap);
}

TEST(ParseTest, LeavesOutEmptyDocuments) {
  EXPECT_EQ(Parse("", "f")->size(), 0u);
  EXPECT_EQ(Parse("# nothing\n", "f")->size(), 0u);
  EXPECT_EQ(Parse("---\n---\na: 1\n---\n# x\n---\nb: 2\n...\n", "f")->size(), 2u);
}

TEST(ParseTest, AcceptsByteOrderMarkAndCarriageReturns) {
  EXPECT_EQ(One("\xef\xbb\xbf"
                "a: 1\r\nb: 2\r\n")
                .Find("b")
                ->scalar,
            "2");
}

TEST(ParseTest, RefusesWhatPolicyDoesNotNeed) {
  EXPECT_EQ(Error("a: &x 1\n"), "f:1:4: found an anchor (&), expected a value: anchors and aliases are not supported");
  EXPECT_EQ(Error("a: &x {b: 1}\n"), "f:1:4: found an anchor (&), expected a value: anchors and aliases are not supported");
  EXPECT_EQ(Error("a: !foo 1\n"), "f:1:4: found the tag \"!foo\", expected a value: tags are not supported");
  EXPECT_EQ(Error("a: !!set {b: 1}\n"), "f:1:4: found the tag \"tag:yaml.org,2002:set\", expected a value: tags are not supported");
  EXPECT_EQ(Error("? [a]\n: b\n"), "f:1:3: found a list, expected a key");
  EXPECT_EQ(Error("null: b\n"), "f:1:1: found nothing, expected a key");
}

TEST(ParseTest, RefusesDuplicateKeysWhereTheyFirstRepeat) {
  EXPECT_EQ(Error("z: 1\na: 2\n\"z\": 3\na: 4\n"), "f:3:1: found the key \"z\" a second time (the first is in line 1)");
  EXPECT_EQ(Error("a: {b: 1, c: {d: 1, d: 2}}\n"), "f:1:21: found the key \"d\" a second time (the first is in line 1)");
}

TEST(ParseTest, RefusesWhatIsNoText) {
  EXPECT_EQ(Error(std::string_view("a: \0b", 5)), "f:1:4: found the control byte 0x00, expected text");
  EXPECT_EQ(Error("a:\n  \x1b[31m"), "f:2:3: found the control byte 0x1b, expected text");
  EXPECT_EQ(Error("a: \xff"), "f:1:4: found the byte 0xff, expected UTF-8 text");
  for (const char* bad : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\x80"}) {
    EXPECT_NE(Error(bad), "");
  }
  for (const char* good : {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x90\x99", "\xef\xbf\xbf"}) EXPECT_EQ(Error(good), "") << good;
}

TEST(ParseTest, NamesTheTabThatIndents) {
  EXPECT_EQ(Error("a:\n  b: 1\n\tc: 2\n"),
            "f:3:1: not YAML: illegal tab when looking for indentation (this line is indented with a tab, expected spaces)");
}

TEST(ParseTest, ReportsBrokenSyntaxWithItsPlace) {
  EXPECT_EQ(Error("a: [1, 2\n").substr(0, 4), "f:2:");
  EXPECT_EQ(Error("a: b: c\n"), "f:1:5: not YAML: illegal map value");
  EXPECT_EQ(Error("{},"), "f:1:3: not YAML: found what begins no value, expected --- or the end");
  EXPECT_EQ(Error("a: b\nc: \"x\n"), "f:2:4: found a quote that is never closed");
  EXPECT_EQ(Error("\xef\xbb\xbf"
                  "'it''s \n "),
            "f:1:1: found a quote that is never closed");
  EXPECT_EQ(Error("a: 'it''s\n  \"fine\"'\nb: \"\\\"\"\n"), "");
}

TEST(ParseTest, HoldsItsLimits) {
  EXPECT_EQ(Error("a: 12345", {.bytes = 7, .nodes = 10, .depth = 2}), "f: found 8 bytes, expected at most 7");
  EXPECT_EQ(Error("[1, 2, 3]", {.bytes = 100, .nodes = 3, .depth = 2}), "f:1:8: found more than 3 values");
  EXPECT_EQ(Error("[[1]]", {.bytes = 100, .nodes = 10, .depth = 1}), "f:1:2: found more than 1 levels of nesting");
  EXPECT_EQ(Error("[[1]]", {.bytes = 100, .nodes = 10, .depth = 2}), "");
}

// Megabytes that make parsers recurse, loop or collect. Each must be refused or read; what matters is that it ends (the test's own
// time limit is far above what is allowed here) without a crash.
TEST(ParseTest, SurvivesHostileMegabytes) {
  constexpr size_t kMegabyte = 1 << 20;
  const char* parts[] = {
      "[",  "{",   "[1,",   "- ",   "? ",    "a: ",  "'",          "\"",       "&a ",         "*a ",         "!",           "!<",
      "#",  "|",   "%",     "\n",   "\t",    " ",    "[\"]\",",    "- a\n",    "a\n",         "a:\n",        "{a: ",        "[a: ",
      "[{", "-\n", "---\n", "--- ", "...\n", "\"\\", "a: |\n ",    "a: >\n\n", "k: [1, 2]\n", "'a\n\n",      "%YAML 1.1\n", "[?",
      "[:", ",",   ":",     "{:",   "?\n",   "\r",   "%TAG ! a\n", "&a [*a, ", "<<: ",        "\xef\xbb\xbf"};
  for (const char* start : {"", "[", "a: ", "- ", "\"", "a: |\n  "}) {
    for (const char* part : parts) {
      const auto parsed = Parse(start + Repeat(part, *start ? kMegabyte / 8 : kMegabyte), "f");
      if (!parsed.ok()) {
        EXPECT_LT(parsed.status().message().size(), 300u);
      }
    }
  }
}

TEST(ParseTest, RefusesDeepAndWideInputsByTheirOwnNames) {
  EXPECT_EQ(Error(Repeat("[", 1 << 20)), "f:1:257: found brackets nested too deeply");
  EXPECT_EQ(Error("[" + Repeat("1,", 1 << 20) + "1]"), "f:1:800001: found too many list and map entries");
  EXPECT_EQ(Error(Repeat(",", 1 << 20)), "f:1:1: not YAML: found what begins no value, expected --- or the end");
  std::string steps;
  for (int i = 0; i < 1000; ++i) steps += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  EXPECT_EQ(Error(steps), "f:65:65: found more than 64 levels of nesting");
}

TEST(ParseTest, ReadsLargeDocumentsOfOrdinaryShape) {
  std::string json = "{\"items\": [";
  for (int i = 0; i < 20000; ++i) json += std::string(i ? "," : "") + R"({"name": "p)" + std::to_string(i) + R"(", "port": 80})";
  EXPECT_EQ(One(json + "]}").Find("items")->items.size(), 20000u);
}

TEST(ReadFileTest, RefusesWhatIsNoOrdinaryFile) {
  EXPECT_EQ(ReadFile("/nonexistent/x").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadFile("/").status().message(), "/: expected a regular file");
  EXPECT_EQ(ReadFile("/dev/zero").status().message(), "/dev/zero: expected a regular file");
  const std::string self = SourcePath("tests/unit/yaml/parse_test.cc");
  EXPECT_TRUE(ReadFile(self).ok());
  EXPECT_EQ(ReadFile(self, 100).status().message(), self + ": found more than 100 bytes, the most that is read");
}

}  // namespace
}  // namespace bulkhead::yaml

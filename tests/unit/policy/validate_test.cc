// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/validate.h"

#include <functional>

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using Check = std::function<std::string(std::string_view)>;

void Expect(const Check& check, std::initializer_list<std::string> good, std::initializer_list<std::string> bad) {
  for (const std::string& text : good) EXPECT_EQ(check(text), "") << text;
  for (const std::string& text : bad) EXPECT_NE(check(text), "") << text;
}

TEST(ValidateTest, DnsLabel) {
  Expect(CheckDnsLabel, {"a", "a-b", "0a", std::string(63, 'a')}, {"", "-a", "a-", "A", "a.b", "a_b", std::string(64, 'a')});
}

TEST(ValidateTest, DnsSubdomain) {
  Expect(CheckDnsSubdomain, {"a", "a.b", "a-1.b2"}, {"", ".", "a.", ".a", "a..b", "a.-b", "A.b", std::string(254, 'a')});
}

TEST(ValidateTest, LabelKey) {
  Expect(CheckLabelKey, {"app", "App_1.x-y", "kubernetes.io/name", "a.b/C"},
         {"", "/", "a/", "/a", "a/b/c", "A.b/c", "-a", "a-", "a b", std::string(64, 'a'), "x/" + std::string(64, 'a')});
}

TEST(ValidateTest, LabelValue) {
  Expect(CheckLabelValue, {"", "a", "A.b_c-d"}, {"-", "a/b", "a ", "\xc3\xa4", std::string(64, 'a')});
}

TEST(ValidateTest, DomainName) {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + label.substr(0, 61);  // 253
  Expect(CheckDomainName,
         {"a.b", "www.example.com", "WWW.example.com.", "*.example.com", "_a.b", "a-_1.b0", "1.2", label + ".b", longest,
          longest + ".", "*." + longest},
         {"",     ".",     "a",    "a.",   "*",    "*.",    "*.com", "*.*.com",     "a.*.com",     "w*.example.com", "a..b",
          ".a.b", "a.b..", "-a.b", "a-.b", "a.b_", "a b.c", "a.b/c", "\xc3\xa4.de", label + "a.b", longest + "a"});
}

TEST(ValidateTest, PortName) {
  Expect(CheckPortName, {"http", "a", "1a", "http-2"}, {"", "80", "HTTP", "-a", "a-", "a--b", "a_b", std::string(16, 'a')});
}

}  // namespace
}  // namespace bulkhead

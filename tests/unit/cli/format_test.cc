// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/format.h"

#include "controlplane/api/errors.h"
#include "controlplane/cli/common.h"
#include "gtest/gtest.h"

namespace bulkhead::cli {
namespace {

TEST(FormatTest, Ages) {
  EXPECT_EQ(AgeText(0), "0s");
  EXPECT_EQ(AgeText(59'999), "59s");
  EXPECT_EQ(AgeText(60'000), "1m");
  EXPECT_EQ(AgeText(3'599'000), "59m");
  EXPECT_EQ(AgeText(7'200'000), "2h");
  EXPECT_EQ(AgeText(uint64_t{86'400'000} * 3), "3d");
}

TEST(FormatTest, Sizes) {
  EXPECT_EQ(SizeText(0), "0B");
  EXPECT_EQ(SizeText(1023), "1023B");
  EXPECT_EQ(SizeText(1024), "1.0K");
  EXPECT_EQ(SizeText(14 * 1024), "14K");
  EXPECT_EQ(SizeText(1153434), "1.1M");
  EXPECT_EQ(SizeText(~uint64_t{0}), "16E");
  EXPECT_EQ(CountText(9999), "9999");
  EXPECT_EQ(CountText(14'000), "14k");
}

TEST(FormatTest, Ports) {
  for (const char* text : {"5432/tcp", "tcp/5432", "5432", "5432/TCP"}) {
    const auto port = ParsePort(text);
    ASSERT_TRUE(port.ok()) << text;
    EXPECT_EQ(PortText(port->port, port->protocol), "5432/tcp") << text;
  }
  EXPECT_EQ(ParsePort("udp/53")->protocol, "udp");
  EXPECT_EQ(ParsePort("icmp")->protocol, "icmp");
  EXPECT_EQ(PortText(0, "icmp"), "icmp");
  for (const char* text : {"", "/", "tcp", "tcp/", "/tcp", "0/tcp", "65536", "-1", "80/80", "80/icmp", "icmp/8", "80/foo",
                           "80/tcp/x", "+80", " 80", "0x50"}) {
    EXPECT_FALSE(ParsePort(text).ok()) << text;
  }
}

TEST(FormatTest, Durations) {
  EXPECT_EQ(*ParseDuration("60"), 60u);
  EXPECT_EQ(*ParseDuration("90s"), 90u);
  EXPECT_EQ(*ParseDuration("1h30m"), 5400u);
  EXPECT_EQ(*ParseDuration("2d"), 172'800u);
  for (const char* text :
       {"", "0", "0s", "s", "1x", "-1s", "1h-", "99999999999999999999s", "400d", "366d1s", "1.5h", "18446744073709551615d"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

TEST(FormatTest, NothingThatSteersATerminalIsPrinted) {
  EXPECT_EQ(Printable("caf\xc3\xa9 \xf0\x9f\x90\xb3"), "caf\xc3\xa9 \xf0\x9f\x90\xb3");
  EXPECT_EQ(Printable("\x1b[31m\n\t\x7f"), "\\x1b[31m\\x0a\\x09\\x7f");
  EXPECT_EQ(Printable("\xc2\x9b"), "\\xc2\\x9b");           // CSI as one character
  EXPECT_EQ(Printable("\xe2\x80\xae"), "\\xe2\\x80\\xae");  // right-to-left override
  EXPECT_EQ(Printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(Printable(std::string_view("\0", 1)), "\\x00");
}

TEST(FormatTest, Digests) {
  EXPECT_EQ(DigestText("sha256:9f1c0a52", 4), "9f1c");
  EXPECT_EQ(DigestText("", 4), "-");
}

TEST(CommonTest, Services) {
  EXPECT_EQ(ParseService("shop/db", "", "X")->service, "db");
  EXPECT_EQ(ParseService("db", "shop", "X")->ns, "shop");
  EXPECT_TRUE(ParseService("shop/db", "shop", "X").ok());
  for (const char* text : {"", "db", "/db", "shop/", "a/b/c"}) EXPECT_FALSE(ParseService(text, "", "X").ok()) << text;
  EXPECT_FALSE(ParseService("shop/db", "other", "X").ok());
}

TEST(CommonTest, ExitCodes) {
  EXPECT_EQ(Report(absl::OkStatus()), kExitDone);
  EXPECT_EQ(Report(absl::InvalidArgumentError("x")), kExitBadInput);
  EXPECT_EQ(Report(absl::NotFoundError("x")), kExitBadInput);
  EXPECT_EQ(Report(absl::FailedPreconditionError("x")), kExitNo);
  EXPECT_EQ(Report(absl::PermissionDeniedError("x")), kExitNo);
  EXPECT_EQ(Report(absl::UnavailableError("x")), kExitNo) << "a daemon that answers is reached";
  EXPECT_EQ(Report(api::UnreachableError("x")), kExitUnreachable);
}

}  // namespace
}  // namespace bulkhead::cli

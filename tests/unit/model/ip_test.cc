// SPDX-License-Identifier: Apache-2.0
#include "bulkhead/model/ip.h"

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

IpAddress Ip(const char* text) { return IpAddress::Parse(text).value(); }
Prefix Cidr(const char* text) { return Prefix::Parse(text).value(); }

TEST(IpAddressTest, ParsesBothFamiliesAndPrintsThem) {
  EXPECT_EQ(Ip("198.18.0.1").ToString(), "198.18.0.1");
  EXPECT_EQ(Ip("FD00:0:0::1").ToString(), "fd00::1");
  EXPECT_EQ(Ip("198.18.0.1"), IpAddress::V4(198, 18, 0, 1));
  EXPECT_EQ(Ip("::").family, 6);
}

TEST(IpAddressTest, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "1.2.3", "1.2.3.4/8", "1.2.3.256", "01.2.3.4", "fe80::1%eth0", "1.2.3.4 ", "::g", "host"}) {
    EXPECT_FALSE(IpAddress::Parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::Parse(std::string_view("1.2.3.4\0x", 9)));
  EXPECT_FALSE(IpAddress::Parse(std::string(1000, '1')));
}

TEST(IpAddressTest, MappedAddressIsNotTheIpv4One) { EXPECT_NE(Ip("::ffff:1.2.3.4"), Ip("1.2.3.4")); }

TEST(PrefixTest, MasksHostBits) {
  EXPECT_EQ(Cidr("10.1.2.3/8").ToString(), "10.0.0.0/8");
  EXPECT_EQ(Cidr("2001:db8:ffff::1/33").ToString(), "2001:db8:8000::/33");
  EXPECT_EQ(Cidr("10.1.2.3/0").ToString(), "0.0.0.0/0");
}

TEST(PrefixTest, RefusesWhatIsNoPrefix) {
  for (const char* text :
       {"", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8 ", "/8", "::/129", "10.0.0.0/8/8"}) {
    EXPECT_FALSE(Prefix::Parse(text)) << text;
  }
}

TEST(PrefixTest, ContainsAddressesBitByBit) {
  for (int length = 0; length <= 128; ++length) {
    const IpAddress base = Ip("5555:aaaa:5555:aaaa:5555:aaaa:5555:aaaa");
    const Prefix prefix = Prefix::Of(base, length);
    EXPECT_TRUE(prefix.Contains(base)) << length;
    for (int bit = 0; bit < 128; ++bit) {
      IpAddress other = base;
      other.bytes[bit / 8] ^= static_cast<uint8_t>(0x80 >> (bit % 8));
      EXPECT_EQ(prefix.Contains(other), bit >= length) << "/" << length << " bit " << bit;
    }
  }
}

TEST(PrefixTest, FamiliesNeverMeet) {
  EXPECT_FALSE(Cidr("0.0.0.0/0").Contains(Ip("::1")));
  EXPECT_FALSE(Cidr("::/0").Contains(Ip("1.2.3.4")));
}

TEST(PrefixTest, ContainsPrefixes) {
  EXPECT_TRUE(Cidr("10.0.0.0/8").Contains(Cidr("10.9.0.0/16")));
  EXPECT_TRUE(Cidr("10.0.0.0/8").Contains(Cidr("10.0.0.0/8")));
  EXPECT_FALSE(Cidr("10.9.0.0/16").Contains(Cidr("10.0.0.0/8")));
}

TEST(MacAddressTest, ParsesAndPrints) {
  EXPECT_EQ(MacAddress::Parse("02:42:AC:11:00:02")->ToString(), "02:42:ac:11:00:02");
  for (const char* text : {"", "02:42:ac:11:00", "02:42:ac:11:00:0g", "02-42-ac-11-00-02", "02:42:ac:11:00:02:"}) {
    EXPECT_FALSE(MacAddress::Parse(text)) << text;
  }
}

}  // namespace
}  // namespace bulkhead

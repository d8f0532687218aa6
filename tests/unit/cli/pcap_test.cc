// SPDX-License-Identifier: Apache-2.0
// Packet files: what is written can be read, and whatever is read gives packets or a clear error.
#include <algorithm>
#include <cstring>
#include <random>

#include "controlplane/cli/pcap_reader.h"
#include "controlplane/cli/pcapng.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead::cli {
namespace {

using ::testing::HasSubstr;

std::string Words(std::initializer_list<uint32_t> words) {
  std::string out;
  for (const uint32_t word : words) out.append(reinterpret_cast<const char*>(&word), 4);
  return out;
}

std::string Swapped(const std::string& words) {
  std::string out = words;
  for (size_t i = 0; i + 3 < out.size(); i += 4) std::reverse(out.begin() + static_cast<std::ptrdiff_t>(i), out.begin() + static_cast<std::ptrdiff_t>(i) + 4);
  return out;
}

const std::string kFrame(60, 'x');

std::string Pcap(uint32_t link = 1) { return Words({0xa1b2c3d4, 0x00040002, 0, 0, 65535, link}) + Words({1, 2, 60, 1500}) + kFrame; }

std::string Pcapng() {
  PcapngWriter writer;
  std::string out = writer.Begin("test");
  out += writer.Add({"veth1", 1'700'000'000'123'456'789, kFrame, 1500, true, "deny: policy"});
  out += writer.Add({"veth2", 1'700'000'000'123'456'790, "0123456789abcde", 15, false, "allow"});
  out += writer.Add({"veth1", 1'700'000'000'123'456'791, kFrame, 60, true, ""});
  return out;
}

std::string ErrorOf(const std::string& file) { return std::string(ReadPackets(file, {}).status().message()); }

TEST(PcapngTest, BlocksAreAsTheDraftSays) {
  PcapngWriter writer;
  const std::string begin = writer.Begin("test");
  EXPECT_EQ(begin, Words({0x0a0d0d0a, 40, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff}) + std::string("\4\0\4\0test\0\0\0\0", 12) + Words({40}))
      << "section: version 1.0, application";
  const uint64_t time = 0x1122334455667788;
  const std::string packet = writer.Add({"eth0", time, "abcde", 77, false, "why"});
  const std::string interface = Words({1, 40, 1, 128}) + std::string("\2\0\4\0eth0\11\0\1\0\11\0\0\0\0\0\0\0", 20) + Words({40});
  const std::string block = Words({6, 60, 0, 0x11223344, 0x55667788, 5, 77}) + std::string("abcde\0\0\0", 8) +
                            std::string("\1\0\3\0why\0\2\0\4\0\2\0\0\0\0\0\0\0", 20) + Words({60});
  EXPECT_EQ(packet, interface + block);
  EXPECT_EQ(writer.Add({"eth0", time, "abcde", 77, false, "why"}), block) << "an interface is described once";
}

TEST(PcapReaderTest, ReadsWhatIsWritten) {
  const auto packets = ReadPackets(Pcapng(), {});
  ASSERT_TRUE(packets.ok()) << packets.status();
  EXPECT_THAT(*packets, ::testing::ElementsAre(kFrame, "0123456789abcde", kFrame));
  EXPECT_THAT(*ReadPackets(Pcapng(), {.packets = 10, .bytes = 20}), ::testing::ElementsAre(kFrame.substr(0, 20), "0123456789abcde", kFrame.substr(0, 20)));
  EXPECT_THAT(std::string(ReadPackets(Pcapng(), {.packets = 2, .bytes = 100}).status().message()), HasSubstr("expected at most 2"));
}

TEST(PcapReaderTest, ReadsClassicFilesOfEitherOrder) {
  EXPECT_THAT(*ReadPackets(Pcap(), {}), ::testing::ElementsAre(kFrame));
  const std::string head = Words({0xa1b23c4d, 0x00020004, 0, 0, 65535, 1});
  EXPECT_THAT(*ReadPackets(Swapped(head + Words({1, 2, 60, 1500})) + kFrame, {}), ::testing::ElementsAre(kFrame));
  const std::string simple = Words({0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28}) + Words({1, 20, 0x10000, 40, 20}) + Words({3, 56, 60});
  EXPECT_THAT(*ReadPackets(Swapped(simple) + kFrame.substr(0, 40) + Swapped(Words({56})), {}), ::testing::ElementsAre(kFrame.substr(0, 40)));
}

TEST(PcapReaderTest, ClearErrors) {
  EXPECT_EQ(ErrorOf(""), "byte 0: found 0 bytes, expected a pcap or pcapng file");
  EXPECT_EQ(ErrorOf("hello world"), "byte 0: found 0x6c6c6568, expected the first bytes of a pcap or pcapng file");
  EXPECT_EQ(ErrorOf(Pcap(113)), "byte 20: found link type 113, expected 1 (Ethernet)");
  EXPECT_EQ(ErrorOf(Pcap().substr(0, 90)), "byte 32: found a packet of 60 bytes, expected one that ends within the file");
  EXPECT_EQ(ErrorOf(Words({0x0a0d0d0a, 28, 7, 1, 0, 0, 28})), "byte 8: found 0x7, expected a byte-order magic");
  const std::string section = Words({0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28});
  EXPECT_THAT(ErrorOf(section + Words({6, 32, 0, 0, 0, 0, 0, 32})), HasSubstr("a packet of interface 0, expected one that was described"));
  EXPECT_THAT(ErrorOf(section + Words({1, 20, 1, 0, 20, 6, 32, 0, 0, 0, 900, 900, 32})), HasSubstr("a packet of 900 bytes, expected at most the 0"));
  EXPECT_THAT(ErrorOf(section + Words({1, 0, 1})), HasSubstr("a block of 0 bytes"));
  EXPECT_THAT(ErrorOf(section + Words({1, 0xfffffffc, 1})), HasSubstr("a block of 4294967292 bytes"));
}

// Under the sanitizers: nothing that is in a file makes it read beyond its end, or for long.
TEST(PcapReaderTest, NothingInAFileBreaksIt) {
  std::mt19937 random(3);
  for (const std::string& good : {Pcap(), Pcapng(), Swapped(Pcapng())}) {
    for (size_t end = 0; end <= good.size(); ++end) (void)ReadPackets(good.substr(0, end), {});
    for (int i = 0; i < 20'000; ++i) {
      std::string bad = good;
      for (unsigned change = random() % 4 + 1; change > 0; --change) bad[random() % bad.size()] = static_cast<char>(random() % 4 == 0 ? random() : random() % 3 - 1);
      const auto packets = ReadPackets(bad, {});
      if (packets.ok()) continue;
      EXPECT_THAT(std::string(packets.status().message()), HasSubstr("expected"));
    }
  }
}

}  // namespace
}  // namespace bulkhead::cli

// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/dns_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace bulkhead::learn {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A message, written by hand.
class Message {
 public:
  explicit Message(uint16_t flags = 0x8180, uint16_t questions = 1) { U16(7).U16(flags).U16(questions).U16(0).U16(0).U16(0); }

  Message& U16(unsigned value) { return Byte(value >> 8).Byte(value & 0xff); }
  Message& Byte(unsigned value) {
    bytes_.push_back(static_cast<uint8_t>(value));
    return *this;
  }
  Message& Raw(const std::string& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Message& Name(const std::string& name) {
    for (size_t begin = 0; begin < name.size();) {
      const size_t end = std::min(name.find('.', begin), name.size());
      Byte(static_cast<unsigned>(end - begin)).Raw(name.substr(begin, end - begin));
      begin = end + 1;
    }
    return Byte(0);
  }
  Message& Pointer(unsigned to) { return U16(0xc000 | to); }
  Message& Question(const std::string& name, unsigned type = 1) { return Name(name).U16(type).U16(1); }
  // What comes after the owner's name; data is added by the caller.
  Message& Record(unsigned type, unsigned length) {
    ++bytes_[7];
    return U16(type).U16(1).U16(0).U16(60).U16(length);
  }
  Message& A(unsigned last) { return Record(1, 4).Raw({'\xc0', '\0', '\2', static_cast<char>(last)}); }
  size_t size() const { return bytes_.size(); }

  std::vector<std::pair<std::string, std::string>> Names(bool cut = false) const {
    std::vector<std::pair<std::string, std::string>> out;
    for (const SeenName& seen : ParseDnsAnswer(bytes_, cut)) out.emplace_back(seen.name, seen.address.ToString());
    return out;
  }
  std::vector<uint8_t> bytes_;
};

constexpr unsigned kAsked = 12;  // where the question's name is

auto Is(const std::string& name, const std::string& address) { return testing::Pair(name, address); }

TEST(DnsAnswer, AddressesOfTheNameThatWasAskedFor) {
  EXPECT_THAT(Message().Question("API.Example.com").Pointer(kAsked).A(1).Pointer(kAsked).A(2).Names(),
              ElementsAre(Is("api.example.com", "192.0.2.1"), Is("api.example.com", "192.0.2.2")));
  Message six = Message().Question("a_b.example", 28).Name("A_B.example");
  six.Record(28, 16).Raw({'\x20', '\x01', '\x0d', '\xb8', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9});
  EXPECT_THAT(six.Names(), ElementsAre(Is("a_b.example", "2001:db8::9")));
}

TEST(DnsAnswer, AliasesAreFollowedInAnyOrder) {
  Message message = Message().Question("www.example");
  message.Name("edge.cdn").A(1).Pointer(kAsked).Record(5, 11).Name("a.cdn.net").Name("a.cdn.net").Record(5, 10).Name("edge.cdn");
  EXPECT_THAT(message.Names(), ElementsAre(Is("www.example", "192.0.2.1")));
}

TEST(DnsAnswer, OtherNamesAreNoPartOfIt) {
  EXPECT_THAT(Message().Question("a.example").Name("bank.example").A(66).Pointer(kAsked).A(1).Names(),
              ElementsAre(Is("a.example", "192.0.2.1")));
}

TEST(DnsAnswer, AliasesEndSomewhere) {
  Message ring = Message().Question("a.b");
  ring.Pointer(kAsked).Record(5, 5).Name("c.d").Name("c.d").Record(5, 2).Pointer(kAsked).Name("c.d").A(1);
  EXPECT_THAT(ring.Names(), ElementsAre(Is("a.b", "192.0.2.1")));
  Message chain = Message().Question("n0");
  for (int i = 0; i < 12; ++i) chain.Name("n" + std::to_string(i)).Record(5, i < 9 ? 4 : 5).Name("n" + std::to_string(i + 1));
  EXPECT_THAT(Message(chain).Name("n8").A(8).Names(), ElementsAre(Is("n0", "192.0.2.8")));
  EXPECT_THAT(Message(chain).Name("n9").A(9).Names(), IsEmpty()) << "too long a way";
}

TEST(DnsAnswer, WhatIsNoAnswerTellsNothing) {
  const auto with = [](uint16_t flags, uint16_t questions = 1) {
    return Message(flags, questions).Question("a.b").Pointer(kAsked).A(1).Names();
  };
  EXPECT_THAT(with(0x8180), testing::SizeIs(1));
  EXPECT_THAT(with(0x0100), IsEmpty()) << "a question";
  EXPECT_THAT(with(0x8380), IsEmpty()) << "truncated";
  EXPECT_THAT(with(0x8183), IsEmpty()) << "no such name";
  EXPECT_THAT(with(0x9180), IsEmpty()) << "another operation";
  EXPECT_THAT(with(0x8180, 0), IsEmpty());
  EXPECT_THAT(with(0x8180, 2), IsEmpty());
  EXPECT_THAT(Message().Question("a.b", 15).Pointer(kAsked).A(1).Names(), IsEmpty()) << "asked for mail servers";
  EXPECT_THAT(Message().Question("").Pointer(kAsked).A(1).Names(), IsEmpty()) << "the root";
}

TEST(DnsAnswer, LiesTellNothing) {
  const Message asked = Message().Question("a.b");
  EXPECT_THAT(Message(asked).Pointer(static_cast<unsigned>(asked.size())).A(1).Names(), IsEmpty()) << "points to itself";
  EXPECT_THAT(Message(asked).Pointer(0).A(1).Names(), IsEmpty()) << "points into the header";
  EXPECT_THAT(Message(asked).Pointer(0x3fff).A(1).Names(), IsEmpty()) << "points beyond the end";
  Message loop = asked;
  const unsigned at = static_cast<unsigned>(loop.size());
  loop.Pointer(at + 2).Pointer(at).A(1);
  EXPECT_THAT(loop.Names(), IsEmpty()) << "points forwards";
  EXPECT_THAT(Message(asked).Pointer(kAsked).A(1).Pointer(kAsked).Record(1, 400).Names(), IsEmpty()) << "longer than the message";
  EXPECT_THAT(Message(asked).Pointer(kAsked).Record(1, 5).Raw("12345").Names(), IsEmpty()) << "an address of 5 bytes";
  EXPECT_THAT(Message(asked).Byte(0x80).A(1).Names(), IsEmpty()) << "a label of an unknown kind";
  EXPECT_THAT(Message().Question(std::string("a\n.b")).Pointer(kAsked).A(1).Names(), IsEmpty()) << "no host's name";
  EXPECT_THAT(Message().Question(std::string("a\x1b[2J.b")).Pointer(kAsked).A(1).Names(), IsEmpty());
  std::string longest;
  for (int i = 0; i < 126; ++i) longest += "x.";
  EXPECT_THAT(Message().Question(longest + "y").Pointer(kAsked).A(1).Names(), testing::SizeIs(1)) << "255 bytes";
  EXPECT_THAT(Message().Question(longest + "yz").Pointer(kAsked).A(1).Names(), IsEmpty()) << "256 bytes";
  Message many = asked;
  for (size_t i = 0; i <= kMostDnsRecords; ++i) many.Pointer(kAsked).A(1);
  EXPECT_THAT(many.Names(), IsEmpty()) << "more records than anybody needs";
}

TEST(DnsAnswer, OfACutMessageWholeRecordsCount) {
  Message message = Message().Question("a.b").Pointer(kAsked).A(1).Pointer(kAsked).A(2);
  message.bytes_.pop_back();
  EXPECT_THAT(message.Names(), IsEmpty());
  EXPECT_THAT(message.Names(/*cut=*/true), ElementsAre(Is("a.b", "192.0.2.1")));
}

// Every beginning of a good message, and every byte of it changed: no crash (under sanitizers), no name that is not clean.
TEST(DnsAnswer, AnyByteMayBeWrong) {
  const Message good = Message().Question("www.example").Pointer(kAsked).Record(5, 5).Name("c.d").Name("c.d").A(1);
  ASSERT_THAT(good.Names(), ElementsAre(Is("www.example", "192.0.2.1")));
  for (size_t at = 0; at < good.size(); ++at) {
    Message shorter = good;
    shorter.bytes_.resize(at);
    EXPECT_THAT(shorter.Names(), IsEmpty()) << at;
    shorter.Names(true);
    for (int value = 0; value < 256; ++value) {
      Message changed = good;
      changed.bytes_[at] = static_cast<uint8_t>(value);
      for (const auto& [name, address] : changed.Names()) {
        EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_."), std::string::npos) << name;
      }
    }
  }
}

}  // namespace
}  // namespace bulkhead::learn

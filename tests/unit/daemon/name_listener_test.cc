// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/name_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace bulkhead {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class NameListenerTest : public testing::Test {
 protected:
  NameListenerTest() {
    for (const std::string service : {"web", "api"}) {
      const auto slot = static_cast<uint16_t>(state_.endpoints.size() + 1);
      state_.endpoints[slot].ifindex = slot;
      state_.owners[slot] = service + "-0";
      state_.workloads[service + "-0"].ns = "shop";
      state_.workloads[service + "-0"].service = service;
    }
  }
  // "a.b" has the address; of a second label when there shall be many.
  void Tell(uint32_t ifindex, const std::string& server, const std::string& address, uint8_t label = 'b') {
    std::vector<uint8_t> message = {0, 7, 0x81, 0x80, 0,    1,  0, 1, 0, 0, 0, 0, 1, 'a', 1, label, 0,
                                    0, 1, 0,    1,    0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60,  0, 4};
    const IpAddress told = *IpAddress::Parse(address), from = *IpAddress::Parse(server);
    message.insert(message.end(), told.bytes.begin(), told.bytes.begin() + 4);
    bh_dns_answer answer{};
    answer.time = now_;
    answer.ifindex = ifindex;
    answer.length = static_cast<uint32_t>(message.size());
    std::copy(message.begin(), message.end(), answer.data);
    answer.family = from.family;
    std::copy(from.bytes.begin(), from.bytes.end(), answer.server);
    listener_.Hear(answer, state_);
  }
  std::vector<std::string> Taken() {
    std::vector<std::string> out;
    for (const SeenName& seen : listener_.Take()) out.push_back(seen.name + " " + seen.address.ToString());
    return out;
  }

  static constexpr uint32_t kWeb = 1, kApi = 2, kNobody = 9;
  InventoryState state_;
  NameListener listener_;
  uint64_t now_ = NameListener::kShare;
};

TEST_F(NameListenerTest, TellsEachNameOnceAndNoneOfNobody) {
  listener_.Believe({*IpAddress::Parse("198.18.9.53")});
  for (const char* address : {"127.0.0.1", "0.0.0.0", "224.0.0.9", "203.0.113.9", "203.0.113.9"})
    Tell(kNobody, "198.18.9.53", address);
  EXPECT_THAT(Taken(), ElementsAre("a.b 203.0.113.9"));
  EXPECT_THAT(Taken(), IsEmpty());
}

// Anybody can answer on port 53.
TEST_F(NameListenerTest, AServerThatOneServiceAloneAsksIsNotBelieved) {
  for (int i = 0; i < 3; ++i) Tell(kWeb, "198.18.0.66", "203.0.113.66");
  Tell(kNobody, "198.18.0.66", "203.0.113.66");
  EXPECT_THAT(Taken(), IsEmpty());
  Tell(kApi, "198.18.0.66", "203.0.113.7");
  EXPECT_THAT(Taken(), ElementsAre("a.b 203.0.113.7")) << "two services ask it";
}

TEST_F(NameListenerTest, AServiceCannotMakeServersKnownWithoutEnd) {
  for (int i = 0; i < 100; ++i) Tell(kWeb, "198.18.1." + std::to_string(i), "203.0.113.66");
  Tell(kApi, "198.18.1.99", "203.0.113.66");
  EXPECT_THAT(Taken(), IsEmpty()) << "web's first ones are remembered";
  Tell(kApi, "198.18.1.3", "203.0.113.66");
  EXPECT_EQ(Taken().size(), 1u);
}

TEST_F(NameListenerTest, AnInterfaceHasAShareAndNoMore) {
  listener_.Believe({*IpAddress::Parse("198.18.9.53")});
  const auto flood = [&] {
    for (int i = 0; i < 2000; ++i) Tell(kWeb, "198.18.9.53", "203.0." + std::to_string(i / 250) + "." + std::to_string(i % 250));
  };
  flood();
  EXPECT_EQ(Taken().size(), NameListener::kMostNamesOfOne);
  flood();
  EXPECT_EQ(Taken().size(), NameListener::kMostNamesOfOne) << "the same ones again";
  Tell(kWeb, "198.18.9.53", "203.0.113.9", 'c');
  EXPECT_THAT(Taken(), IsEmpty());
  Tell(kApi, "198.18.9.53", "203.0.113.9", 'c');
  EXPECT_THAT(Taken(), ElementsAre("a.c 203.0.113.9")) << "others have their own";
  now_ += NameListener::kShare + 1;
  Tell(kWeb, "198.18.9.53", "203.0.113.10", 'c');
  EXPECT_EQ(Taken().size(), 1u);
}

}  // namespace
}  // namespace bulkhead

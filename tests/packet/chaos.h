// SPDX-License-Identifier: Apache-2.0
// Chaos: random settings and random packets of the cast: honest ones, answers, lies, mutations. Everything follows from the seed.
#ifndef BULKHEAD_TESTS_PACKET_CHAOS_H_
#define BULKHEAD_TESTS_PACKET_CHAOS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "dataplane/backend.h"
#include "tests/packet/cast.h"
#include "tests/packet/runner.h"
#include "tests/packet/stage.h"

namespace bulkhead::packet_test {

class Chaos {
 public:
  explicit Chaos(uint64_t seed) : random_(seed) {}

  Setting RandomSetting();
  std::vector<PublishedTarget> RandomTargets();
  // An endpoint of the cast as it is, or in another slot, bound to another service, unbound, without its MAC, on another bridge or
  // none, with another's address.
  EndpointState RandomEndpoint();
  std::vector<IpAddress> RandomHostAddresses();
  // One that the kernel's test runner takes: new, or out of an earlier one: repeated, continued, delivered, answered.
  Packet RandomPacket();

  uint32_t Below(uint32_t limit) { return std::uniform_int_distribution<uint32_t>(0, limit - 1)(random_); }
  bool OneIn(uint32_t n) { return Below(n) == 0; }

 private:
  template <typename T>
  const T& Of(const std::vector<T>& choices) {
    return choices[Below(static_cast<uint32_t>(choices.size()))];
  }
  const Actor& AnyActor() { return Of(Cast()); }
  uint16_t AnyPort();
  uint8_t AnyFlags();
  IpAddress AnyAddress(int family);
  MacAddress MacOf(const IpAddress& address);

  Frame Transport(int family);
  Frame IpHeader(const IpAddress& from, const IpAddress& to);
  Frame Extensions();
  Frame Options(int family);
  Frame IcmpError(const IpAddress& from, const IpAddress& to);
  Frame Nd(const Actor& from);
  Frame AnyArp(const Actor& from);
  Frame Special(const Actor& from);
  Frame TinyFragment(const IpAddress& from, const IpAddress& to);
  Frame Ordinary(const IpAddress& from, const IpAddress& to);
  void Mutate(ByteVector& bytes);
  Packet NewPacket();
  void Alter(EndpointState& endpoint);

  // Offsets in a frame that has no options.
  struct Layout {
    int family;
    std::ptrdiff_t source, destination;
    size_t protocol, transport;
  };
  static std::optional<Layout> LayoutOf(const ByteVector& bytes);
  // Each stands for an earlier packet; the packet itself, if it is none whose ports are where they usually are.
  Packet Continued(const Packet& packet);   // the next one of its connection, or the next fragment
  Packet Delivered(const Packet& packet);   // where it goes to, with its sender's tag
  Packet Translated(const Packet& packet);  // the same with another source or destination
  Packet Retagged(const Packet& packet);    // delivered again, by another
  Packet Answered(const Packet& packet);
  Packet Complained(const Packet& packet);  // an ICMP error about it, of who got it or of a third

  Packet ToPublished();
  Packet Sequel(const Packet& packet);
  // Moves the packet to the ingress hook of the actor whose MAC it comes from. False: it is nobody's.
  static bool AtItsSender(Packet& packet);

  static constexpr size_t kRemembered = 24;
  std::vector<Packet> earlier_;
  std::vector<PublishedTarget> targets_;  // the last that were drawn
  std::mt19937_64 random_;
};

// The kernel's test runner refuses frames without anything behind the Ethernet header, or with half an IP header.
bool KernelTakes(const ByteVector& bytes);

}  // namespace bulkhead::packet_test

#endif  // BULKHEAD_TESTS_PACKET_CHAOS_H_

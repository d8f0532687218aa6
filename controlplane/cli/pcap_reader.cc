// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/pcap_reader.h"

#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace bulkhead::cli {
namespace {

constexpr uint32_t kEthernetLink = 1;
constexpr uint32_t kPcapMicroseconds = 0xa1b2c3d4, kPcapNanoseconds = 0xa1b23c4d;
constexpr uint32_t kSection = 0x0a0d0d0a, kOrderMagic = 0x1a2b3c4d;
constexpr uint32_t kInterface = 1, kSimple = 3, kEnhanced = 6;
constexpr uint32_t kLeastBlock = 12;

class PacketReader {
 public:
  PacketReader(std::string_view file, const PcapLimits& limits) : file_(file), limits_(limits) {}

  absl::StatusOr<std::vector<std::string>> Read() {
    if (file_.size() < 4) return Broken(0, absl::StrCat(file_.size(), " bytes"), "a pcap or pcapng file");
    const uint32_t magic = Number32(0);
    absl::Status status;
    if (magic == kSection) {
      status = ReadBlocks();
    } else if (IsPcap(magic) || IsPcap(__builtin_bswap32(magic))) {
      swap_ = !IsPcap(magic);
      status = ReadRecords();
    } else {
      status = Broken(0, absl::StrCat("0x", absl::Hex(magic)), "the first bytes of a pcap or pcapng file");
    }
    if (!status.ok()) return status;
    return std::move(packets_);
  }

 private:
  static bool IsPcap(uint32_t magic) { return magic == kPcapMicroseconds || magic == kPcapNanoseconds; }
  static absl::Status Broken(size_t at, const std::string& found, const std::string& expected) {
    return absl::InvalidArgumentError(absl::StrCat("byte ", at, ": found ", found, ", expected ", expected));
  }

  template <class Number>
  Number At(size_t at) const {
    Number value;
    std::memcpy(&value, file_.data() + at, sizeof(value));
    return value;
  }
  uint32_t Number32(size_t at) const { return swap_ ? __builtin_bswap32(At<uint32_t>(at)) : At<uint32_t>(at); }
  uint16_t Number16(size_t at) const { return swap_ ? __builtin_bswap16(At<uint16_t>(at)) : At<uint16_t>(at); }
  bool Has(size_t at, size_t bytes) const { return at <= file_.size() && bytes <= file_.size() - at; }

  absl::Status Add(size_t at, size_t bytes) {
    if (packets_.size() >= limits_.packets) return Broken(at, "one more packet", absl::StrCat("at most ", limits_.packets));
    packets_.emplace_back(file_.substr(at, std::min(bytes, limits_.bytes)));
    return absl::OkStatus();
  }

  absl::Status ReadRecords() {
    constexpr size_t kHead = 24, kRecord = 16;
    if (!Has(0, kHead)) return Broken(4, "the end", "a pcap header");
    if (const uint32_t link = Number32(20) & 0xffff; link != kEthernetLink) return Broken(20, absl::StrCat("link type ", link), "1 (Ethernet)");
    for (size_t at = kHead; at < file_.size();) {
      if (!Has(at, kRecord)) return Broken(at, "the end", "a packet's header");
      const uint32_t bytes = Number32(at + 8);
      if (!Has(at + kRecord, bytes)) return Broken(at + 8, absl::StrCat("a packet of ", bytes, " bytes"), "one that ends within the file");
      if (absl::Status status = Add(at + kRecord, bytes); !status.ok()) return status;
      at += kRecord + bytes;
    }
    return absl::OkStatus();
  }

  absl::Status ReadBlocks() {
    for (size_t at = 0; at < file_.size();) {
      if (!Has(at, kLeastBlock)) return Broken(at, "the end", "a block");
      if (At<uint32_t>(at) == kSection) {
        if (absl::Status status = BeginSection(at); !status.ok()) return status;
      }
      const uint32_t length = Number32(at + 4);
      if (length < kLeastBlock || length % 4 != 0 || !Has(at, length))
        return Broken(at + 4, absl::StrCat("a block of ", length, " bytes"), "one of 12 or more, by fours, that ends within the file");
      if (absl::Status status = TakeBlock(Number32(at), at, length); !status.ok()) return status;
      at += length;
    }
    return absl::OkStatus();
  }

  absl::Status BeginSection(size_t at) {
    const uint32_t magic = At<uint32_t>(at + 8);
    if (magic != kOrderMagic && __builtin_bswap32(magic) != kOrderMagic)
      return Broken(at + 8, absl::StrCat("0x", absl::Hex(magic)), "a byte-order magic");
    swap_ = magic != kOrderMagic;
    links_.clear();
    return absl::OkStatus();
  }

  absl::Status TakeBlock(uint32_t type, size_t at, uint32_t length) {
    if (type == kInterface) {
      if (length < 20) return Broken(at + 4, absl::StrCat("an interface block of ", length, " bytes"), "20 or more");
      links_.push_back(Number16(at + 8));
      snap_ = Number32(at + 12);
    } else if (type == kEnhanced) {
      if (length < 32) return Broken(at + 4, absl::StrCat("a packet block of ", length, " bytes"), "32 or more");
      return TakePacket(Number32(at + 8), at + 28, Number32(at + 20), length - 32);
    } else if (type == kSimple) {
      if (length < 16) return Broken(at + 4, absl::StrCat("a packet block of ", length, " bytes"), "16 or more");
      const uint32_t whole = Number32(at + 8);
      return TakePacket(0, at + 12, snap_ == 0 ? whole : std::min(whole, snap_), length - 16);
    }
    return absl::OkStatus();
  }

  absl::Status TakePacket(uint32_t interface, size_t at, uint32_t bytes, uint32_t room) {
    if (interface >= links_.size()) return Broken(at, absl::StrCat("a packet of interface ", interface), "one that was described before");
    if (links_[interface] != kEthernetLink) return Broken(at, absl::StrCat("link type ", links_[interface]), "1 (Ethernet)");
    if (bytes > room) return Broken(at, absl::StrCat("a packet of ", bytes, " bytes"), absl::StrCat("at most the ", room, " of its block"));
    return Add(at, bytes);
  }

  const std::string_view file_;
  const PcapLimits limits_;
  bool swap_ = false;
  std::vector<uint16_t> links_;  // of the section's interfaces
  uint32_t snap_ = 0;            // of the last one
  std::vector<std::string> packets_;
};

}  // namespace

absl::StatusOr<std::vector<std::string>> ReadPackets(std::string_view file, const PcapLimits& limits) {
  return PacketReader(file, limits).Read();
}

}  // namespace bulkhead::cli

// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/pcapng.h"

#include "bulkhead/abi/capture.h"

namespace bulkhead::cli {
namespace {

// draft-ietf-opsawg-pcapng, sections 4.1 to 4.3 and 3.5. Numbers are in this machine's order, which the magic tells the reader.
constexpr uint32_t kSectionHeader = 0x0a0d0d0a, kInterfaceDescription = 1, kEnhancedPacket = 6;
constexpr uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr uint16_t kEndOfOptions = 0, kComment = 1, kInterfaceName = 2, kFlags = 2, kUserApplication = 4, kTimeResolution = 9;
constexpr uint16_t kEthernet = 1;
constexpr char kNanoseconds = 9;  // 10^-9 s
constexpr size_t kMaxOption = 65'535;

template <class Number>
void AppendBinary(Number number, std::string* out) {
  out->append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void AppendPadded(std::string_view bytes, std::string* out) {
  out->append(bytes);
  out->append((4 - bytes.size() % 4) % 4, '\0');
}

void AppendOption(uint16_t code, std::string_view value, std::string* out) {
  value = value.substr(0, kMaxOption);
  AppendBinary(code, out);
  AppendBinary(static_cast<uint16_t>(value.size()), out);
  AppendPadded(value, out);
}

std::string Block(uint32_t type, const std::string& body, std::string options) {
  AppendOption(kEndOfOptions, "", &options);
  const auto length = static_cast<uint32_t>(body.size() + options.size() + 12);
  std::string out;
  AppendBinary(type, &out);
  AppendBinary(length, &out);
  out += body + options;
  AppendBinary(length, &out);
  return out;
}

std::string InterfaceBlock(const std::string& name) {
  std::string body, options;
  AppendBinary(kEthernet, &body);
  AppendBinary(uint16_t{0}, &body);
  AppendBinary(uint32_t{BH_CAPTURE_BYTES}, &body);
  AppendOption(kInterfaceName, name, &options);
  AppendOption(kTimeResolution, std::string_view(&kNanoseconds, 1), &options);
  return Block(kInterfaceDescription, body, options);
}

}  // namespace

std::string PcapngWriter::Begin(std::string_view application) const {
  std::string body, options;
  AppendBinary(kByteOrderMagic, &body);
  AppendBinary(uint16_t{1}, &body);
  AppendBinary(uint16_t{0}, &body);
  AppendBinary(~uint64_t{0}, &body);  // length of the section: not known
  AppendOption(kUserApplication, application, &options);
  return Block(kSectionHeader, body, options);
}

std::string PcapngWriter::Add(const PcapngPacket& packet) {
  std::string out;
  const auto [at, added] = interfaces_.try_emplace(packet.interface, static_cast<uint32_t>(interfaces_.size()));
  if (added) out = InterfaceBlock(packet.interface);
  std::string body, options, flags;
  AppendBinary(at->second, &body);
  AppendBinary(static_cast<uint32_t>(packet.time_ns >> 32), &body);
  AppendBinary(static_cast<uint32_t>(packet.time_ns), &body);
  AppendBinary(static_cast<uint32_t>(packet.data.size()), &body);
  AppendBinary(packet.length, &body);
  AppendPadded(packet.data, &body);
  AppendBinary(uint32_t{packet.inbound ? 1u : 2u}, &flags);
  AppendOption(kComment, packet.comment, &options);
  AppendOption(kFlags, flags, &options);
  return out + Block(kEnhancedPacket, body, options);
}

}  // namespace bulkhead::cli

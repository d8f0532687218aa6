// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/this_node.h"

#include <sys/utsname.h>

#include <string>
#include <string_view>

#include "absl/strings/ascii.h"

namespace bulkhead {
namespace {

// The kernel's name of a machine (uname -m) and Go's (GOARCH), where they differ.
std::string GoArchitecture(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine.starts_with("armv")) return "arm";
  if (machine == "i686" || machine == "i586" || machine == "i386") return "386";
  return std::string(machine);
}

bool IsLinkLocal(const IpAddress& address) {
  if (address.IsV4()) return address.bytes[0] == 169 && address.bytes[1] == 254;
  return address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

}  // namespace

KnownNode ThisNode(const Labels& labels, const std::vector<IpAddress>& host_addresses) {
  KnownNode node;
  utsname names{};
  uname(&names);
  node.name = absl::AsciiStrToLower(std::string(names.nodename));
  node.labels = labels;
  node.labels.emplace("kubernetes.io/hostname", node.name);
  node.labels.emplace("kubernetes.io/os", "linux");
  node.labels.emplace("kubernetes.io/arch", GoArchitecture(names.machine));
  for (const IpAddress& address : host_addresses) {
    if (!IsLinkLocal(address)) node.addresses.push_back(address);
  }
  return node;
}

}  // namespace bulkhead

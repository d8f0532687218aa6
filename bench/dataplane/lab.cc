// SPDX-License-Identifier: Apache-2.0
#include "bench/dataplane/lab.h"

#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <cerrno>
#include <string>
#include <utility>

namespace bulkhead::bench {

MacAddress MacOf(uint16_t slot) {
  MacAddress out;
  out.bytes = {2, 0, 0, 0, static_cast<uint8_t>(slot >> 8), static_cast<uint8_t>(slot)};
  return out;
}

IpAddress AddressOf(uint16_t slot, uint8_t family) {
  return Plus(family == 4 ? IpAddress::V4(198, 18, 1, 0) : IpAddress{6, {0xfd, 0, 0, 1}}, slot);
}

EndpointState EndpointOf(uint16_t slot) {
  EndpointState endpoint;
  endpoint.slot = slot;
  endpoint.ifindex = kFirstIfindex + slot;
  endpoint.zone = kZone;
  endpoint.bound = true;
  endpoint.mac = MacOf(slot);
  endpoint.workload = slot;
  endpoint.identity = kFirstIdentity + slot;
  return endpoint;
}

absl::StatusOr<std::unique_ptr<Lab>> Lab::Create() {
  if (const std::string why = lab::WhyNoNamespaces(); !why.empty()) return absl::FailedPreconditionError(why);
  std::unique_ptr<Lab> out(new Lab());
  auto netns = lab::TestNetns::Create();
  if (!netns.ok()) return netns.status();
  out->netns_ = *std::move(netns);
  for (const uint16_t slot : {kWeb, kDb, kEvil}) {
    const std::string index = std::to_string(kFirstIfindex + slot);
    const auto status = out->netns_->Command(
        {"ip", "link", "add", "name", "v" + index, "index", index, "type", "veth", "peer", "name", "p" + index});
    if (!status.ok()) return status;
  }
  return out;
}

// Only an interface that is up, and has a program, has the queues that BPF_PROG_TEST_RUN wants to see. Its other end stays down.
absl::Status Lab::OpenToXdp(int program) {
  const uint32_t ifindex = kFirstIfindex + kWeb;
  if (auto status = netns_->Command({"ip", "link", "set", "v" + std::to_string(ifindex), "up"}); !status.ok()) return status;
  if (bpf_xdp_attach(static_cast<int>(ifindex), program, XDP_FLAGS_DRV_MODE, nullptr) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "attaching an XDP program");
}

}  // namespace bulkhead::bench

// SPDX-License-Identifier: Apache-2.0
// Workloads, their endpoints and identities as plain values.
#ifndef BULKHEAD_MODEL_WORKLOAD_H_
#define BULKHEAD_MODEL_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bulkhead/model/common.h"
#include "bulkhead/model/ip.h"

namespace bulkhead {

// One network interface of a workload as seen from the host.
struct Endpoint {
  uint32_t ifindex = 0;  // host side of the veth; 0 = not found (yet)
  std::string ifname;    // its name on the host
  uint32_t bridge = 0;   // ifindex of the bridge it is a port of; 0 = routed
  MacAddress mac;        // of the interface inside the workload
  std::vector<IpAddress> addresses;
  std::string network;   // the engine's name of the network; may be empty
};

// host_address unspecified: every address of the host, of its family.
struct PublishedPort {
  IpAddress host_address;
  uint16_t host_port = 0;
  uint16_t container_port = 0;
  uint8_t protocol = kProtoTcp;

  auto operator<=>(const PublishedPort&) const = default;
};

// A port that policy may call by name.
struct NamedPort {
  std::string name;
  uint8_t protocol = kProtoTcp;
  uint16_t port = 0;

  auto operator<=>(const NamedPort&) const = default;
};

// One container or pod sandbox.
struct Workload {
  std::string id;       // unique within its runtime
  std::string runtime;  // docker, static, ...
  std::string ns;
  std::string name;
  std::string service;
  Labels labels;        // trusted ones only, with the implicit bulkhead.dev/service
  std::string image;    // reference as the user wrote it
  std::string image_digest;
  std::vector<Endpoint> endpoints;
  std::vector<PublishedPort> published;
  std::vector<NamedPort> named_ports;  // sorted; of the workload whose network namespace it shares, if any
  IdentityId identity = kIdentityUnknown;
  bool host_network = false;
  bool no_network = false;  // nothing but a loopback, says the engine
  std::string unprotected;  // why the hooks cannot see it; empty = protected, or being bound
  std::string via;          // id of the workload whose network namespace it shares; empty = its own
};

// A workload's security-relevant labels, namespace, image digest and named ports. Replicas share one. With an id it never changes.
struct Identity {
  IdentityId id = kIdentityUnknown;
  std::string ns;
  std::string service;
  Labels labels;
  std::string image_digest;
  std::vector<NamedPort> named_ports{};  // sorted
};

// A machine that workloads run on, as policy selects it (peer `nodes`).
struct KnownNode {
  std::string name;
  Labels labels;
  std::vector<IpAddress> addresses;  // InternalIP and ExternalIP

  bool operator==(const KnownNode&) const = default;
};

}  // namespace bulkhead

#endif  // BULKHEAD_MODEL_WORKLOAD_H_

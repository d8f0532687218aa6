// SPDX-License-Identifier: Apache-2.0
// What the Docker Engine API says, as values (Docker Engine API v1.24 to v1.51; Podman's compatible API). Pure functions, safe from
// any thread. InvalidArgument: not JSON, over a limit, or of a wrong type; members that are absent or null read as empty.
#ifndef BULKHEAD_CONTROLPLANE_RUNTIME_DOCKER_DECODE_H_
#define BULKHEAD_CONTROLPLANE_RUNTIME_DOCKER_DECODE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bulkhead/model/workload.h"

namespace bulkhead {

// One container's interface in one network. Address and MAC are there while it is connected.
struct DockerEndpoint {
  std::string network_id;  // Podman: the network's name; empty in a container that never started
  std::string network;
  MacAddress mac;
  std::vector<IpAddress> addresses;

  bool connected() const { return !mac.IsZero() || !addresses.empty(); }
};

enum class DockerState : uint8_t { kCreated, kRunning, kPaused, kStopped };

struct DockerContainer {
  std::string id;
  std::string name;  // without the leading slash
  std::string image;
  std::string image_id;
  std::string network_mode;  // "host", "none", "container:ID", "default", or a network's name
  Labels labels;
  DockerState state = DockerState::kCreated;
  int pid = 0;  // a listing does not tell it
  std::vector<DockerEndpoint> endpoints;
  std::vector<PublishedPort> published;  // sorted; a port that the engine has yet to choose is left out
};

struct DockerImage {
  Labels labels;
  // EXPOSE, each port by the name that it has in policy: "tcp-8080". Sorted; at most kMaxExposed, those of the lowest
  // numbers. Keys that are no port are left out: whoever made the image wrote them.
  std::vector<NamedPort> exposed;

  bool operator==(const DockerImage&) const = default;
};
inline constexpr size_t kMaxExposed = 256;

struct DockerNetwork {
  std::string id;
  std::string name;
  std::string driver;
  std::string bridge;                               // host's interface; empty: not a bridge, or not known
  bool closed = false;                              // icc=false: its containers may not talk to each other
  std::map<std::string, DockerEndpoint> endpoints;  // by container id; a listing does not tell them
};

struct DockerEvent {
  bool is_network = false;  // else a container's
  std::string action;
  std::string id;         // of the container, or of the network
  std::string container;  // network events: the container that was (dis)connected
  std::string name;       // of the container, or of the network
  std::string driver;     // network events
};

absl::StatusOr<std::vector<DockerContainer>> DecodeDockerList(std::string_view json);    // GET /containers/json
absl::StatusOr<DockerContainer> DecodeDockerInspect(std::string_view json);              // GET /containers/{id}/json
absl::StatusOr<std::vector<DockerNetwork>> DecodeDockerNetworks(std::string_view json);  // GET /networks
absl::StatusOr<DockerNetwork> DecodeDockerNetwork(std::string_view json);                // GET /networks/{id}
absl::StatusOr<DockerImage> DecodeDockerImage(std::string_view json);                    // GET /images/{id}/json
absl::StatusOr<bool> DecodeDockerRootless(std::string_view json);                        // GET /info
absl::StatusOr<DockerEvent> DecodeDockerEvent(std::string_view json);                    // one line of GET /events
// The engine's own words in an answer of another status than 200: one printable line of at most 200 bytes.
std::string DecodeDockerMessage(std::string_view json);

// Whether an id or name of a network, container or image may stand in a request's path as it is.
bool IsDockerId(std::string_view id);

// Whether the engine invented this name: one of its adjectives, '_', a word, perhaps one digit (moby, pkg/namesgenerator; Podman
// uses the same). "shop_db" is somebody's own name.
bool IsDockerGeneratedName(std::string_view name);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_RUNTIME_DOCKER_DECODE_H_

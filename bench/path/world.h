// SPDX-License-Identifier: Apache-2.0
// World: bridges in a network namespace of their own, each with a client and a server in two more, and each guarded in another way. One
// thread, which it moves into that namespace.
#ifndef BULKHEAD_BENCH_PATH_WORLD_H_
#define BULKHEAD_BENCH_PATH_WORLD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/ebpf/ebpf_backend.h"
#include "tests/lab/netns.h"

namespace bulkhead::bench {

enum class Guarding : uint8_t { kNone, kEnforce, kEnforceFast, kNftables };

inline constexpr uint16_t kPort = 5432;  // the server's, which policy lets the client use

struct Place {
  lab::PeerNetns netns;
  IpAddress address;
  MacAddress mac;
  uint32_t ifindex = 0;  // of the host side
};

struct Bridge {
  Guarding guarding = Guarding::kNone;
  std::string name;
  uint16_t zone = 0;
  std::vector<Place> places;  // client, server
  const Place& client() const { return places[0]; }
  const Place& server() const { return places[1]; }
};

class World {
 public:
  // One bridge for each. kFailedPrecondition: this user may not make namespaces.
  static absl::StatusOr<std::unique_ptr<World>> Create(const std::vector<Guarding>& guardings);

  const std::vector<Bridge>& bridges() const { return bridges_; }
  // Lets the fast path go on for another minute. Call at least that often.
  absl::Status Vouch();
  // How many flows the dataplane has created as fit for the fast path.
  absl::StatusOr<uint64_t> FastFlows();

 private:
  World() = default;
  absl::Status MakeBridge(Guarding guarding, uint16_t number);
  absl::StatusOr<Place> MakePlace(const std::string& bridge, uint16_t number, uint8_t host);
  absl::Status Enforce();
  absl::Status GuardByNftables(const Bridge& bridge);

  KernelWriter writer_;
  RealClock clock_;
  std::unique_ptr<lab::TestNetns> netns_;
  std::vector<Bridge> bridges_;
  std::vector<uint16_t> fast_slots_;
  std::unique_ptr<EbpfBackend> backend_;
};

}  // namespace bulkhead::bench

#endif  // BULKHEAD_BENCH_PATH_WORLD_H_

// SPDX-License-Identifier: Apache-2.0
// EbpfWorld: one eBPF backend in a namespace of its own, with the interfaces of the cast. Used from one thread, which it moves into
// that namespace.
#ifndef BULKHEAD_TESTS_PACKET_EBPF_WORLD_H_
#define BULKHEAD_TESTS_PACKET_EBPF_WORLD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/abi/uplink.h"
#include "dataplane/ebpf/ebpf_backend.h"
#include "tests/lab/netns.h"
#include "tests/packet/runner.h"

struct bpf_object;

namespace bulkhead::packet_test {

class EbpfWorld {
 public:
  static absl::StatusOr<std::unique_ptr<EbpfWorld>> Create();
  // In the namespace of another, of which nothing else is shared: what workloads send is judged in XDP.
  static absl::StatusOr<std::unique_ptr<EbpfWorld>> CreateXdp(EbpfWorld& other);
  ~EbpfWorld();

  // As it was after Create, but for the stamp and the counters.
  absl::Status Reset();
  // Another backend takes over what this one leaves.
  absl::Status Reopen();
  EbpfBackend& backend() { return *backend_; }
  lab::TestNetns& netns() { return *netns_; }
  bool xdp() const { return xdp_; }

  // Every slot of both flow tables. Nothing may run meanwhile.
  void ForEachSlot(const std::function<void(bh_flow_hot&)>& change);

  // What the program returned: a TC_ACT_ value.
  absl::StatusOr<int> Run(const Packet& packet);

  // Runs an XDP program on a frame that came in on the interface.
  struct XdpRun {
    uint32_t action = 0;          // XDP_PASS, XDP_DROP
    std::optional<bh_mark> mark;  // what it left in front of the frame
  };
  absl::StatusOr<XdpRun> RunXdp(int program, uint32_t ifindex, const std::vector<uint8_t>& frame);

  // A program of tag.bpf.c and its map.
  int TagProgram(const char* name) const;
  int TagMap(const char* name) const;

 private:
  EbpfWorld() : own_netns_(nullptr) {}
  absl::Status MakeInterfaces();
  // Native XDP may run on them: a program is attached that lets everything pass.
  absl::Status OpenInterfacesToXdp();
  absl::Status OpenBackend();
  absl::Status LoadTagPrograms();
  // Where the tag program finds the program of a zone's hook.
  absl::StatusOr<uint32_t> PlaceOf(uint16_t zone, bh_hook hook);

  RealClock clock_;
  KernelWriter writer_;
  std::unique_ptr<lab::TestNetns> own_netns_;
  lab::TestNetns* netns_ = nullptr;
  bool xdp_ = false;
  std::unique_ptr<EbpfBackend> backend_;
  bpf_object* tag_object_ = nullptr;
  std::map<std::pair<uint16_t, bh_hook>, uint32_t> places_;  // putting a program there costs more than running it
};

// The world that all cases of this process share, made by the first who asks. Null: not on this machine; that is said once.
EbpfWorld* SharedWorld();
// Beside it the one that judges in XDP, likewise.
EbpfWorld* SharedXdpWorld();

// A runner on that world, reset; the world must outlive it.
absl::StatusOr<std::unique_ptr<Runner>> NewEbpfRunner(EbpfWorld& world);

}  // namespace bulkhead::packet_test

#endif  // BULKHEAD_TESTS_PACKET_EBPF_WORLD_H_

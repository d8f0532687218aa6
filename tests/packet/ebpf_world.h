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
#include "dataplane/ebpf/ebpf_backend.h"
#include "tests/lab/netns.h"
#include "tests/packet/runner.h"

struct bpf_object;

namespace bulkhead::packet_test {

class EbpfWorld {
 public:
  static absl::StatusOr<std::unique_ptr<EbpfWorld>> Create();
  ~EbpfWorld();

  // As it was after Create, but for the stamp and the counters.
  absl::Status Reset();
  // Another backend takes over what this one leaves.
  absl::Status Reopen();
  EbpfBackend& backend() { return *backend_; }
  lab::TestNetns& netns() { return *netns_; }

  // Every slot of both flow tables. Nothing may run meanwhile.
  void ForEachSlot(const std::function<void(bh_flow_hot&)>& change);

  // What the program returned: a TC_ACT_ value.
  absl::StatusOr<int> Run(const Packet& packet);

  // A program of tag.bpf.c and its map.
  int TagProgram(const char* name) const;
  int TagMap(const char* name) const;

 private:
  EbpfWorld() = default;
  absl::Status MakeInterfaces();
  absl::Status OpenBackend();
  absl::Status LoadTagPrograms();
  // Where the tag program finds the program of a zone's hook.
  absl::StatusOr<uint32_t> PlaceOf(uint16_t zone, bh_hook hook);

  RealClock clock_;
  KernelWriter writer_;
  std::unique_ptr<lab::TestNetns> netns_;
  std::unique_ptr<EbpfBackend> backend_;
  bpf_object* tag_object_ = nullptr;
  std::map<std::pair<uint16_t, bh_hook>, uint32_t> places_;  // putting a program there costs more than running it
};

// The world that all cases of this process share, made by the first who asks. Null: not on this machine; that is said once.
EbpfWorld* SharedWorld();

// A runner on that world, reset; the world must outlive it.
absl::StatusOr<std::unique_ptr<Runner>> NewEbpfRunner(EbpfWorld& world);

}  // namespace bulkhead::packet_test

#endif  // BULKHEAD_TESTS_PACKET_EBPF_WORLD_H_

// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/simulator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/capture.h"
#include "dataplane/flow/capture_reader.h"
#include "dataplane/flow/counters.h"
#include "dataplane/flow/flow_copy.h"
#include "dataplane/kernel/libbpf_log.h"
#include "workload.skel.h"

namespace bulkhead {
namespace {

// What packets only read. Every map that is not here is the instance's own.
constexpr std::string_view kShared[] = {"bh_policy",    "bh_subjects",  "bh_matrix",    "bh_rulesets",  "bh_intervals",
                                        "bh_ports",     "bh_endpoints", "bh_addresses", "bh_published", "bh_targets",
                                        "bh_prefix4_0", "bh_prefix4_1", "bh_prefix4_2", "bh_prefix6_0", "bh_prefix6_1",
                                        "bh_prefix6_2", "bh_fast_ends", "bh_macs"};
constexpr uint32_t kGroups = 64;         // of each flow table: a power of two
constexpr size_t kMostCopied = 256;      // live flows
constexpr uint32_t kTested = 2;          // place of the program under test in bh_tails
constexpr int kDropped = 2, kSentFast = 7, kNothingRan = 0x7f;  // what the programs return
constexpr size_t kLeastFrame = 14;

uint32_t OwnSize(std::string_view map) {
  if (map == "bh_flows4" || map == "bh_flows4_cold" || map == "bh_flows6") return kGroups;
  if (map == "bh_tails") return kTested + 1;
  if (map == "bh_events" || map == "bh_captures" || map == "bh_dns_answers") return 1 << 16;
  if (map == "bh_edges" || map == "bh_edges_outside" || map == "bh_staged_edges" || map == "bh_fragments") return 1024;
  if (map == "bh_rule_counts") return 1;
  return 0;  // as it is
}

bool Holds(const std::vector<uint8_t>& frame, const void* bytes, size_t size) {
  return memmem(frame.data(), frame.size(), bytes, size) != nullptr;
}

// Whether the frame may be of the flow, or quote a packet of it: it has both addresses and both ports, wherever.
template <typename Key>
bool MayBeOf(const Key& key, const std::vector<uint8_t>& frame) {
  for (int side = 0; side < 2; ++side) {
    if (!Holds(frame, key.address[side], sizeof(key.address[side]))) return false;
    if (key.port[side] != 0 && !Holds(frame, &key.port[side], sizeof(key.port[side]))) return false;
  }
  return true;
}

absl::StatusOr<UniqueFd> CopyOf(int fd) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.ok()) return absl::ErrnoToStatus(errno, "duplicating a file descriptor");
  return copy;
}

}  // namespace

// The second instance.
class SimulatorInstance {
 public:
  SimulatorInstance(KernelWriter& writer, const Loader& loader, const FlowTables& live) : writer_(writer), loader_(loader), live_(live) {}

  // Forgets what packets before have left, and judges by what is in force now.
  absl::Status Begin(uint16_t zone) {
    if (auto status = Load(zone); !status.ok()) return status;
    control_ = *loader_.maps().control;
    control_.flags = (control_.flags & ~BH_CONTROL_CAPTURE_PASSED) | BH_CONTROL_CAPTURE;
    control_.group_mask[0] = control_.group_mask[1] = kGroups - 1;
    control_.quota[0] = control_.quota[1] = ~0u;
    control_.per_tick[BH_LIMITED_EVENTS] = 0;
    control_.per_tick[BH_LIMITED_MIDSTREAM] = ~0u;
    control_.per_tick[BH_LIMITED_DNS] = 0;
    control_.staged = 0;
    const uint32_t zero = 0;
    if (auto status = writer_.UpdateElement(Own("bh_control"), &zero, &control_); !status.ok()) return status;
    if (auto status = writer_.EmptyHash(Own("bh_fragments")); !status.ok()) return status;
    const FlowTables::Memory& memory = flows_->memory();
    return writer_.ChangeMapped("empty the flow tables of a simulation", [&] {
      std::memset(memory.flows4, 0, kGroups * sizeof(*memory.flows4));
      std::memset(memory.colds4, 0, kGroups * sizeof(*memory.colds4));
      std::memset(memory.flows6, 0, kGroups * sizeof(*memory.flows6));
      std::memset(memory.usage, 0, sizeof(*memory.usage));
    });
  }

  // Copies the live entries that these packets may be of.
  absl::Status CopyFlows(const std::vector<SimulatedPacket>& packets) {
    std::vector<FlowEntry> found;
    FlowCursor cursor;
    live_.Read(cursor, [&](const FlowEntry& entry) {
      const bool wanted = std::any_of(packets.begin(), packets.end(), [&](const SimulatedPacket& packet) {
        return entry.family == BH_V4 ? MayBeOf(entry.key4, packet.bytes) : MayBeOf(entry.key6, packet.bytes);
      });
      if (wanted) found.push_back(entry);
      return found.size() < kMostCopied;
    });
    return writer_.ChangeMapped("copy flows into a simulation", [&] {
      for (const FlowEntry& entry : found) (void)PutFlow(*flows_, control_, entry);
    });
  }

  absl::StatusOr<SimulatedRun> Run(const SimulatedPacket& packet) {
    if (packet.bytes.size() < kLeastFrame) {
      return absl::InvalidArgumentError(absl::StrCat("a frame of ", packet.bytes.size(), " bytes; at least ", kLeastFrame, " are needed"));
    }
    if (auto status = Prepare(packet); !status.ok()) return status;
    const auto before = ReadCounterTable(Own("bh_counters"));
    if (!before.ok()) return before.status();
    __sk_buff context = {};
    context.ifindex = packet.ifindex;
    context.ingress_ifindex = packet.ingress_ifindex;
    context.cb[1] = packet.tag;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.bytes.data(), .data_size_in = static_cast<uint32_t>(packet.bytes.size()),
                .ctx_in = &context, .ctx_size_in = sizeof(context));
    if (bpf_prog_test_run_opts(simulate_.get(), &options) != 0) return absl::ErrnoToStatus(errno, "running the programs on a packet");
    if (options.retval == kNothingRan) return absl::InternalError("the program under test did not run");
    const auto after = ReadCounterTable(Own("bh_counters"));
    if (!after.ok()) return after.status();
    std::optional<bh_event> seen;
    const absl::Status drained = captures_->Drain([&](const bh_capture_packet& captured) {
      seen = captured.event;
      return true;
    });
    if (!drained.ok()) return drained;
    SimulatedRun run = Describe(*before, *after, seen);
    run.passed = static_cast<int>(options.retval) != kDropped;
    run.fast = static_cast<int>(options.retval) == kSentFast;
    return run;
  }

 private:
  int Own(std::string_view map) const { return own_.find(map)->second.get(); }

  absl::Status Load(uint16_t zone) {
    if (zones_.contains(zone)) return absl::OkStatus();
    const LibbpfLog log;
    const std::unique_ptr<workload_bpf, void (*)(workload_bpf*)> skeleton(workload_bpf__open(), &workload_bpf__destroy);
    if (skeleton == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("opening the BPF object: ", log.text()));
    skeleton->rodata->bh_zone = zone;
    const bool first = zones_.empty();
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton->obj) bpf_program__set_autoload(program, false);
    for (bpf_program* wanted : {skeleton->progs.bh_ingress, skeleton->progs.bh_egress}) bpf_program__set_autoload(wanted, true);
    for (bpf_program* wanted : {skeleton->progs.bh_ingress_slow, skeleton->progs.bh_egress_slow, skeleton->progs.bh_simulate})
      bpf_program__set_autoload(wanted, first);
    if (auto status = PrepareMaps(skeleton->obj); !status.ok()) return status;
    if (auto status = writer_.LoadObject(skeleton->obj); !status.ok()) return status;
    if (first) {
      if (auto status = KeepFirst(*skeleton); !status.ok()) return status;
    }
    std::array<UniqueFd, 2>& programs = zones_[zone];
    for (const auto& [hook, loaded] : {std::pair{BH_HOOK_INGRESS, skeleton->progs.bh_ingress}, {BH_HOOK_EGRESS, skeleton->progs.bh_egress}}) {
      auto copy = CopyOf(bpf_program__fd(loaded));
      if (!copy.ok()) return zones_.erase(zone), copy.status();
      programs[hook] = *std::move(copy);
    }
    return absl::OkStatus();
  }

  absl::Status PrepareMaps(bpf_object* object) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
      if (bpf_map__is_internal(map)) continue;
      const std::string_view name = bpf_map__name(map);
      const bool shared = std::find(std::begin(kShared), std::end(kShared), name) != std::end(kShared);
      const auto own = own_.find(name);
      const int fd = shared ? loader_.MapFd(name) : own == own_.end() ? -1 : own->second.get();
      const uint32_t size = shared ? 0 : OwnSize(name);
      if (shared && fd < 0) return absl::InternalError(absl::StrCat("no map ", std::string(name)));
      if (fd >= 0 ? bpf_map__reuse_fd(map, fd) != 0 : size != 0 && bpf_map__set_max_entries(map, size) != 0)
        return absl::ErrnoToStatus(errno, absl::StrCat("preparing map ", std::string(name)));
    }
    return absl::OkStatus();
  }

  // The maps and programs that the first zone brings for all.
  absl::Status KeepFirst(const workload_bpf& skeleton) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, skeleton.obj) {
      const std::string name = bpf_map__name(map);
      if (bpf_map__is_internal(map) || std::find(std::begin(kShared), std::end(kShared), name) != std::end(kShared)) continue;
      auto copy = CopyOf(bpf_map__fd(map));
      if (!copy.ok()) return copy.status();
      own_[name] = *std::move(copy);
    }
    auto simulate = CopyOf(bpf_program__fd(skeleton.progs.bh_simulate));
    if (!simulate.ok()) return simulate.status();
    simulate_ = *std::move(simulate);
    const int slow[] = {bpf_program__fd(skeleton.progs.bh_ingress_slow), bpf_program__fd(skeleton.progs.bh_egress_slow)};
    for (uint32_t hook = 0; hook < 2; ++hook) {
      if (auto status = writer_.UpdateElement(Own("bh_tails"), &hook, &slow[hook]); !status.ok()) return status;
    }
    auto flows = FlowTables::Map({Own("bh_flows4"), Own("bh_flows4_cold"), Own("bh_flows6"), Own("bh_usage")});
    if (!flows.ok()) return flows.status();
    flows_ = *std::move(flows);
    auto captures = CaptureReader::Create(Own("bh_captures"));
    if (!captures.ok()) return captures.status();
    captures_ = *std::move(captures);
    const uint32_t zero = 0;
    const bh_capture all{~0u, ~0u};
    return writer_.UpdateElement(Own("bh_capture"), &zero, &all);
  }

  // The program under test, and a capture of what it says.
  absl::Status Prepare(const SimulatedPacket& packet) {
    if (auto status = Load(packet.zone); !status.ok()) return status;
    const int program = zones_[packet.zone][packet.egress ? BH_HOOK_EGRESS : BH_HOOK_INGRESS].get();
    if (auto status = writer_.UpdateElement(Own("bh_tails"), &kTested, &program); !status.ok()) return status;
    uint32_t slot = 0;
    if (bpf_map_lookup_elem(loader_.maps().ports, &packet.ifindex, &slot) != 0) return absl::OkStatus();  // nobody's
    const bh_captured_key key{BH_CAPTURED_SLOT, slot};
    const uint32_t here = 1;
    return writer_.UpdateElement(Own("bh_captured"), &key, &here);
  }

  static SimulatedRun Describe(const std::vector<uint64_t>& before, const std::vector<uint64_t>& after,
                               const std::optional<bh_event>& seen) {
    const auto grew = [&](int counter) { return after[static_cast<size_t>(counter)] != before[static_cast<size_t>(counter)]; };
    SimulatedRun run;
    run.opens = grew(BH_COUNTER_FLOWS_CREATED);
    run.refreshes = grew(BH_COUNTER_FLOWS_REVALIDATED);
    run.path = grew(BH_REASON_NONE * 3 + BH_ALLOW) ? SimulatedPath::kUnjudged : SimulatedPath::kEstablished;
    run.quick = !seen;
    for (int reason = BH_REASON_NONE + 1; reason < BH_REASON_COUNT; ++reason) {
      for (const Verdict verdict : {Verdict::kDeny, Verdict::kWouldDeny}) {
        if (!grew(reason * 3 + static_cast<int>(verdict))) continue;
        run.path = reason == BH_REASON_POLICY ? SimulatedPath::kJudged : SimulatedPath::kRefused;
        run.verdict = verdict;
        run.reason = static_cast<uint8_t>(reason);
      }
    }
    if (!seen || seen->source_rule == 0) return run;
    run.path = SimulatedPath::kJudged;
    run.source_identity = seen->source_identity;
    run.destination_identity = seen->destination_identity;
    run.source_rule = seen->source_rule;
    run.destination_rule = seen->destination_rule;
    return run;
  }

  KernelWriter& writer_;
  const Loader& loader_;
  const FlowTables& live_;
  std::map<std::string, UniqueFd, std::less<>> own_;
  std::map<uint16_t, std::array<UniqueFd, 2>> zones_;  // programs by hook
  UniqueFd simulate_;
  std::unique_ptr<FlowTables> flows_;
  std::unique_ptr<CaptureReader> captures_;
  bh_control control_{};
};

Simulator::Simulator(KernelWriter& writer, const Loader& loader, const FlowTables& live)
    : writer_(writer), loader_(loader), live_(live) {}
Simulator::~Simulator() = default;

absl::StatusOr<std::vector<SimulatedRun>> Simulator::Run(const std::vector<SimulatedPacket>& packets) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<SimulatedRun> out;
  if (packets.empty()) return out;
  if (instance_ == nullptr) instance_ = std::make_unique<SimulatorInstance>(writer_, loader_, live_);
  if (auto status = instance_->Begin(packets.front().zone); !status.ok()) return status;
  if (auto status = instance_->CopyFlows(packets); !status.ok()) return status;
  for (const SimulatedPacket& packet : packets) {
    if (packet.follows && (out.empty() || !out.back().passed || out.back().fast)) {
      out.emplace_back();
      continue;
    }
    const auto run = instance_->Run(packet);
    if (!run.ok()) return run.status();
    out.push_back(*run);
  }
  return out;
}

}  // namespace bulkhead

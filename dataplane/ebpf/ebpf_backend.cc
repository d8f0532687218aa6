// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ebpf/ebpf_backend.h"

#include <sys/random.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/event.h"
#include "dataplane/ebpf/older_layout.h"
#include "dataplane/flow/counters.h"
#include "dataplane/flow/edge_reader.h"
#include "dataplane/flow/flow_reader.h"
#include "dataplane/flow/rule_reader.h"
#include "dataplane/kernel/bpf_map.h"
#include "dataplane/kernel/flow_tick.h"
#include "dataplane/kernel/links.h"

namespace bulkhead {
namespace {

// One IPv4 entry and a quarter of an IPv6 one.
constexpr uint64_t kBytesPerEntry = sizeof(bh_flow4_slot) + sizeof(bh_flow_cold) + sizeof(bh_flow6_slot) / 4;
constexpr uint32_t kMostFlowEntries = 1u << 24;
// Of peers outside; the least recently used ones give way, so it need not hold them all.
constexpr uint32_t kOutsideEdges = 32768;

uint64_t MemoryOfMachine() {
  struct sysinfo info {};
  return sysinfo(&info) == 0 ? static_cast<uint64_t>(info.totalram) * info.mem_unit : 0;
}

// What is of our own layout makes room for a new one of that name.
absl::Status SetAside(KernelWriter& writer, const std::string& base, StartPlan& plan) {
  if (plan.from.base != base) return absl::OkStatus();
  const std::string aside = base + "-old";
  if (auto status = RemoveLayout(writer, aside); !status.ok()) return status;
  if (auto status = writer.RenamePin(base, aside); !status.ok()) return status;
  plan.from.base = aside;
  plan.others.push_back(aside);
  return absl::OkStatus();
}

}  // namespace

LoaderOptions LoaderOptionsFor(const EbpfOptions& options, const StartPlan& plan) {
  LoaderOptions out;
  out.root = options.pin_root;
  out.max_entries = options.max_entries;
  out.workload_xdp = options.workload_xdp;
  out.layout_version = options.layout_version;
  out.from = plan.from;
  out.carry = plan.kind == StartKind::kUpgrade;
  out.fresh = options.fresh_maps;
  const uint32_t wanted = options.flow_entries != 0 ? options.flow_entries : DefaultFlowEntries(MemoryOfMachine());
  const uint32_t groups = std::bit_ceil(std::clamp(wanted, 4 * BH_GROUP_SLOTS, kMostFlowEntries)) / BH_GROUP_SLOTS;
  out.max_entries["bh_flows4"] = groups;
  out.max_entries["bh_flows4_cold"] = groups;
  out.max_entries["bh_flows6"] = groups / 4;
  out.max_entries.try_emplace("bh_edges_outside", kOutsideEdges);
  return out;
}

uint32_t DefaultFlowEntries(uint64_t memory) {
  const uint64_t affordable = std::clamp<uint64_t>(memory / 200 / kBytesPerEntry, 1u << 14, 1u << 22);
  return static_cast<uint32_t>(std::bit_floor(affordable));
}

EbpfBackend::EbpfBackend(KernelWriter& writer, const Clock& clock, std::unique_ptr<Loader> loader,
                         std::unique_ptr<Attacher> attacher, std::unique_ptr<EventReader> events,
                         std::unique_ptr<DnsAnswerReader> answers, std::unique_ptr<FlowTables> flows)
    : writer_(writer),
      clock_(clock),
      loader_(std::move(loader)),
      attacher_(std::move(attacher)),
      events_(std::move(events)),
      answers_(std::move(answers)),
      flows_(std::move(flows)),
      publisher_(writer, loader_->maps()),
      fast_ends_(writer, loader_->maps()),
      known_macs_(writer, loader_->maps()),
      capturer_(writer, loader_->maps()),
      simulator_(writer, *loader_, *flows_) {}

absl::StatusOr<std::unique_ptr<EbpfBackend>> EbpfBackend::Open(KernelWriter& writer, const Clock& clock,
                                                               const EbpfOptions& options) {
  auto plan = PlanStart(options.pin_root, options.layout_version, options.reset);
  if (!plan.ok()) return plan.status();
  if (auto status = SetAside(writer, PinBase(options.pin_root, options.layout_version), *plan); !status.ok()) return status;
  auto loader = Loader::Open(writer, LoaderOptionsFor(options, *plan));
  if (!loader.ok()) return loader.status();
  auto attacher = Attacher::Open(writer, (*loader)->base(), options.attach);
  if (!attacher.ok()) return attacher.status();
  auto events = EventReader::Create((*loader)->maps().events);
  if (!events.ok()) return events.status();
  auto answers = DnsAnswerReader::Create((*loader)->maps().dns_answers);
  if (!answers.ok()) return answers.status();
  auto flows = FlowTables::Map({(*loader)->MapFd("bh_flows4"), (*loader)->MapFd("bh_flows4_cold"), (*loader)->MapFd("bh_flows6"),
                                (*loader)->MapFd("bh_usage")});
  if (!flows.ok()) return flows.status();
  std::unique_ptr<EbpfBackend> backend(
      new EbpfBackend(writer, clock, *std::move(loader), *std::move(attacher), *std::move(events), *std::move(answers),
                      *std::move(flows)));
  backend->base_ = backend->loader_->base();
  backend->plan_ = *std::move(plan);
  if (auto status = backend->PrepareFlowTables(); !status.ok()) return status;
  if (!backend->loader_->adopted()) {
    if (auto status = backend->SetOptions(DataplaneOptions{}); !status.ok()) return status;
    if (auto status = backend->TakeOver(); !status.ok()) return status;
  } else {
    if (auto status = backend->Adopt(); !status.ok()) return status;
    if (auto status = backend->RemoveUnusedPrograms(); !status.ok()) return status;
  }
  return backend;
}

absl::Status EbpfBackend::PrepareFlowTables() {
  bh_control& control = *loader_->maps().control;
  bh_control drawn{};
  if (getrandom(drawn.secret, sizeof(drawn.secret), 0) != sizeof(drawn.secret)) return absl::ErrnoToStatus(errno, "getrandom");
  drawn.secret[0] |= 1;
  return writer_.ChangeMapped("prepare flow tables", [&] {
    control.group_mask[0] = flows_->memory().groups4 - 1;
    control.group_mask[1] = flows_->memory().groups6 - 1;
    // The first word comes last: it says that the secret is whole. Nothing is attached before.
    for (int i = BH_SECRET_WORDS - 1; i >= 0 && control.secret[0] == 0; --i) {
      std::atomic_ref<__u64>(control.secret[i]).store(drawn.secret[i]);
    }
  });
}

absl::Status EbpfBackend::StoreControl(uint32_t& word, uint32_t value) {
  return word == value ? absl::OkStatus() : writer_.StoreWord(&word, value);
}

absl::Status EbpfBackend::SetOptions(const DataplaneOptions& options) {
  bh_control& control = *loader_->maps().control;
  const uint64_t tick_ns = FlowTickNs();
  const uint32_t* const rows[BH_TIMEOUT_ROWS] = {options.timeouts.tcp, options.timeouts.udp, options.timeouts.other};
  for (int row = 0; row < BH_TIMEOUT_ROWS; ++row) {
    for (int state = 0; state < 4; ++state) {
      const absl::Status status = StoreControl(control.timeout[row][state], SecondsToTicks(rows[row][state], tick_ns));
      if (!status.ok()) return status;
    }
  }
  const uint32_t rates[BH_LIMITED_COUNT] = {options.events_per_second, options.midstream_per_second, options.dns_answers_per_second};
  for (int limited = 0; limited < BH_LIMITED_COUNT; ++limited) {
    const uint64_t per_tick = (uint64_t{rates[limited]} * tick_ns + 999999999) / 1000000000;
    const absl::Status status = StoreControl(control.per_tick[limited], static_cast<uint32_t>(per_tick));
    if (!status.ok()) return status;
  }
  for (int family = 0; family < 2; ++family) {
    const uint64_t slots = (uint64_t{control.group_mask[family]} + 1) * BH_GROUP_SLOTS;
    const uint64_t quota = std::clamp<uint64_t>(slots / std::max(options.flow_quota_divisor, 1u), 1, slots);
    if (auto status = StoreControl(control.quota[family], static_cast<uint32_t>(quota)); !status.ok()) return status;
  }
  const uint32_t flags = (options.proxy_is_world ? BH_CONTROL_PROXY_IS_WORLD : 0) | (options.uplinks ? BH_CONTROL_UPLINKS : 0);
  if (control.flags == flags) return absl::OkStatus();
  if (auto status = writer_.StoreWord(&control.flags, flags); !status.ok()) return status;
  return publisher_.RaiseEpoch();  // verdicts depend on it
}

absl::Status EbpfBackend::ApplyPolicy(std::shared_ptr<const CompiledPolicy> policy) {
  return publisher_.ApplyPolicy(std::move(policy));
}
absl::Status EbpfBackend::GrowPolicy(const PolicyGrowth& growth) { return publisher_.GrowPolicy(growth); }
absl::Status EbpfBackend::GrowStaged(const PolicyGrowth& growth) { return publisher_.GrowStaged(growth); }
absl::Status EbpfBackend::StagePolicy(std::shared_ptr<const CompiledPolicy> policy) {
  return publisher_.StagePolicy(std::move(policy));
}
absl::Status EbpfBackend::PutEndpoint(const EndpointState& endpoint) {
  if (auto status = fast_ends_.Put(endpoint); !status.ok()) return status;
  if (auto status = publisher_.PutEndpoint(endpoint); !status.ok()) return status;
  return known_macs_.Put(endpoint);
}
absl::Status EbpfBackend::RemoveEndpoint(uint16_t slot) {
  if (auto status = fast_ends_.Remove(slot); !status.ok()) return status;
  if (auto status = publisher_.RemoveEndpoint(slot); !status.ok()) return status;
  return known_macs_.Remove(slot);
}
absl::Status EbpfBackend::SetHostAddresses(const std::vector<IpAddress>& addresses) {
  return publisher_.SetHostAddresses(addresses);
}
absl::Status EbpfBackend::SetPublished(const std::vector<PublishedTarget>& targets) { return publisher_.SetPublished(targets); }

absl::Status EbpfBackend::SetFastPath(const std::vector<uint16_t>& slots, uint32_t seconds) {
  const auto now = Now();
  if (!now.ok()) return now.status();
  bool withdrawn = false;
  const absl::Status status = fast_ends_.Set(slots, now->tick + SecondsToTicks(seconds, FlowTickNs()), withdrawn);
  if (!withdrawn) return status;
  const absl::Status raised = publisher_.RaiseEpoch();
  return status.ok() ? raised : status;
}

absl::Status EbpfBackend::Attach(uint32_t ifindex, uint16_t zone) {
  const auto programs = loader_->Programs(zone);
  if (!programs.ok()) return programs.status();
  return attacher_->Attach(ifindex, zone, *programs);
}

absl::Status EbpfBackend::Detach(uint32_t ifindex) { return attacher_->Detach(ifindex); }

std::vector<std::string> EbpfBackend::AttachProblems() const {
  std::vector<std::string> out;
  for (const auto& [ifindex, problem] : attacher_->XdpProblems()) {
    out.push_back(absl::StrCat("interface ", ifindex, " is judged in tc, not in XDP: ", problem));
  }
  return out;
}

absl::StatusOr<std::unique_ptr<EbpfUplinks>> EbpfBackend::OpenUplinks(UplinkHook hook) {
  return EbpfUplinks::Open(writer_, *loader_, base_, hook);
}

absl::StatusOr<FlowTime> EbpfBackend::Now() const {
  return ReadFlowTime(loader_->clock_program(), loader_->maps().clock_now, clock_);
}

absl::Status EbpfBackend::ReadFlows(const std::function<bool(const FlowRecord&)>& callback) {
  const auto now = Now();
  if (!now.ok()) return now.status();
  ReadFlowTables(*flows_, *loader_->maps().control, *now, callback);
  return absl::OkStatus();
}

absl::Status EbpfBackend::ReadEdges(const std::function<bool(const EdgeRecord&)>& callback) {
  if (auto status = SettleDenials(); !status.ok()) return status;
  const auto now = Now();
  if (!now.ok()) return now.status();
  return ReadEdgeTables(loader_->maps().edges, loader_->maps().edges_outside, *now, callback);
}

absl::Status EbpfBackend::TakeIdleEdges(uint64_t seen_before, uint64_t unanswered_before,
                                        const std::function<void(const EdgeRecord&)>& callback) {
  if (auto status = SettleDenials(); !status.ok()) return status;
  const auto now = Now();
  if (!now.ok()) return now.status();
  const int map = loader_->maps().edges;
  std::vector<bh_edge_key> idle;
  const absl::Status read = ForEachInHash<bh_edge_key, bh_edge>(map, [&](const bh_edge_key& key, const bh_edge& edge) {
    const uint64_t before = edge.answered == 0 ? std::max(seen_before, unanswered_before) : seen_before;
    if (now->FromMonotonic(edge.last_seen) < before) idle.push_back(key);
    return true;
  });
  if (!read.ok()) return read;
  for (const bh_edge_key& key : idle) {
    bh_edge edge{};
    const absl::Status taken = writer_.TakeElement(map, &key, &edge);
    if (!taken.ok() && !absl::IsNotFound(taken)) return taken;
    if (taken.ok()) callback(DecodeEdge(key, edge, *now));
  }
  return absl::OkStatus();
}

absl::Status EbpfBackend::ReadStagedEdges(const std::function<bool(const StagedEdgeRecord&)>& callback) {
  if (std::atomic_ref<uint32_t>(loader_->maps().control->staged).load() == 0) return absl::OkStatus();
  const auto now = Now();
  if (!now.ok()) return now.status();
  return ReadStagedEdgeTable(loader_->maps().staged_edges, *now, callback);
}

absl::StatusOr<std::map<uint32_t, RuleCounts>> EbpfBackend::ReadRules() {
  if (auto status = SettleDenials(); !status.ok()) return status;
  return ReadRuleTable(loader_->maps().rule_counts);
}

absl::Status EbpfBackend::SettleDenials() { return RunProgram(loader_->settle_program(), "settling denials"); }

absl::Status EbpfBackend::DrainEvents(const std::function<void(const bh_event&)>& callback) { return events_->Drain(callback); }
absl::Status EbpfBackend::DrainAnswers(const std::function<void(const bh_dns_answer&)>& callback) { return answers_->Drain(callback); }

absl::StatusOr<std::vector<uint64_t>> EbpfBackend::ReadCounters() { return ReadCounterTable(loader_->maps().counters); }

absl::StatusOr<uint64_t> EbpfBackend::Sweep() {
  const auto now = Now();
  if (!now.ok()) return now.status();
  return flows_->Sweep(writer_, *loader_->maps().control, now->tick);
}

std::optional<int> EbpfBackend::ProgramFd(uint16_t zone, int hook) {
  const ZonePrograms* programs = loader_->Loaded(zone);
  if (programs == nullptr) return std::nullopt;
  return hook == BH_HOOK_INGRESS ? programs->ingress : programs->egress;
}

}  // namespace bulkhead

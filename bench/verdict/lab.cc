// SPDX-License-Identifier: Apache-2.0
#include "bench/verdict/lab.h"

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "bulkhead/abi/event.h"
#include "controlplane/policy/compile.h"
#include "controlplane/policy/parse.h"

namespace bulkhead::bench {
namespace {

constexpr uint16_t kZone = 1;
constexpr uint32_t kFirstIfindex = 100;
constexpr std::pair<uint8_t, const char *> kWorkloads[] = {{kWeb, "web"}, {kDb, "db"}, {kEvil, "evil"}};

IpAddress AddressOf(uint8_t number) { return IpAddress::V4(198, 18, 1, number); }

std::string Document(const char *peer, const char *ports) {
  return std::string(
             "apiVersion: networking.k8s.io/v1\nkind: "
             "NetworkPolicy\nmetadata: {name: db, namespace: shop}\n") +
         "spec:\n  podSelector: {matchLabels: {app: db}}\n  ingress: [{from: "
         "[{podSelector: {matchLabels: {app: " +
         peer + "}}}], ports: " + ports + "}]\n";
}

absl::StatusOr<CompiledPolicy> PolicyOf(const std::string &document, uint64_t generation) {
  const PolicyFile file = ParsePolicies(document, "bench.yaml");
  if (!file.errors.empty()) return absl::InvalidArgumentError(file.errors.front());
  CompileInput input;
  input.documents = std::make_shared<PolicyDocuments>(file.documents);
  for (const auto &[number, service] : kWorkloads) {
    KnownIdentity known;
    known.identity = {kFirstIdentity + number, "shop", service, {{"app", service}}, {}};
    known.mode = Mode::kEnforce;
    known.addresses = {AddressOf(number)};
    input.identities.push_back(known);
  }
  input.global_mode = Mode::kEnforce;
  input.generation = generation;
  return Compile(input);
}

EndpointState EndpointOf(uint8_t number) {
  EndpointState endpoint;
  endpoint.slot = number;
  endpoint.ifindex = kFirstIfindex + number;
  endpoint.zone = kZone;
  endpoint.bound = true;
  endpoint.mac.bytes = {2, 0, 0, 0, 0, number};
  endpoint.workload = number;
  endpoint.identity = kFirstIdentity + number;
  endpoint.addresses = {AddressOf(number)};
  return endpoint;
}

// return TC_ACT_UNSPEC
absl::StatusOr<UniqueFd> LoadFloor() {
  bpf_insn program[2] = {};
  program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  program[0].imm = TC_ACT_UNSPEC;
  program[1].code = BPF_JMP | BPF_EXIT;
  UniqueFd fd(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "bench_floor", "GPL", program, 2, nullptr));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, "loading the program that does nothing");
  return fd;
}

}  // namespace

Bytes TcpPacket(uint8_t from, uint8_t to, uint16_t source_port, uint16_t destination_port, uint8_t flags) {
  const auto high = [](uint16_t port) { return static_cast<uint8_t>(port >> 8); };
  const auto low = [](uint16_t port) { return static_cast<uint8_t>(port); };
  Bytes packet = {2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 8, 0};
  const uint8_t ip[] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 198, 18, 1, from, 198, 18, 1, to};
  const uint8_t tcp[] = {high(source_port), low(source_port), high(destination_port), low(destination_port)};
  packet.insert(packet.end(), std::begin(ip), std::end(ip));
  packet.insert(packet.end(), std::begin(tcp), std::end(tcp));
  packet.resize(14 + 20 + 20);
  packet[46] = 0x50;  // header of five words
  packet[47] = flags;
  return packet;
}

absl::StatusOr<std::unique_ptr<Lab>> Lab::Create() {
  if (const std::string why = lab::WhyNoNamespaces(); !why.empty()) return absl::FailedPreconditionError(why);
  std::unique_ptr<Lab> out(new Lab());
  auto netns = lab::TestNetns::Create();
  if (!netns.ok()) return netns.status();
  out->netns_ = *std::move(netns);
  if (auto status = out->Furnish(); !status.ok()) return status;
  return out;
}

absl::Status Lab::Furnish() {
  for (const auto &[number, service] : kWorkloads) {
    const std::string index = std::to_string(kFirstIfindex + number);
    const auto status =
        netns_->Command({"ip", "link", "add", "name", "v" + index, "index", index, "type", "veth", "peer", "name", "p" + index});
    if (!status.ok()) return status;
  }
  auto floor = LoadFloor();
  if (!floor.ok()) return floor.status();
  floor_ = *std::move(floor);
  auto backend = EbpfBackend::Open(writer_, clock_, {.flow_entries = 1u << 17, .max_entries = {}});
  if (!backend.ok()) return backend.status();
  backend_ = *std::move(backend);
  if (auto status = backend_->LoadZone(kZone); !status.ok()) return status;
  ingress_ = backend_->ProgramFd(kZone, BH_HOOK_INGRESS).value();
  auto policy = PolicyOf(Document("web", "[{protocol: TCP}]"), 1);
  auto draft = PolicyOf(Document("web", "[{protocol: TCP, port: 1, endPort: 4096}]"), 2);
  if (!policy.ok()) return policy.status();
  if (!draft.ok()) return draft.status();
  draft_ = std::make_shared<const CompiledPolicy>(*std::move(draft));
  if (auto status = backend_->ApplyPolicy(std::make_shared<const CompiledPolicy>(*std::move(policy))); !status.ok()) return status;
  for (const auto &[number, service] : kWorkloads) {
    if (auto status = backend_->PutEndpoint(EndpointOf(number)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Lab::Stage(bool on) { return backend_->StagePolicy(on ? draft_ : nullptr); }

absl::StatusOr<double> Lab::Run(int program, const Bytes &packet, uint32_t repeat) {
  if (auto status = netns_->Check(); !status.ok()) return status;
  __sk_buff context = {};
  context.ifindex = context.ingress_ifindex = kFirstIfindex + packet[11];
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(), .data_size_in = static_cast<uint32_t>(packet.size()),
              .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = static_cast<int>(repeat));
  if (bpf_prog_test_run_opts(program, &options) != 0) return absl::ErrnoToStatus(errno, "BPF_PROG_TEST_RUN");
  passed_ = static_cast<int>(options.retval) == TC_ACT_UNSPEC;
  return static_cast<double>(options.duration);
}

}  // namespace bulkhead::bench

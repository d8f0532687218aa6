// SPDX-License-Identifier: Apache-2.0
#include "bench/path/world.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/event.h"
#include "controlplane/policy/compile.h"
#include "controlplane/policy/parse.h"
#include "tests/places/temporary_folder.h"

namespace bulkhead::bench {
namespace {

constexpr uint8_t kClient = 2, kServer = 3;  // hosts of 198.18.ZONE.0/24
constexpr IdentityId kFirstIdentity = 100;   // reserved ones are below
constexpr int kMapEntries = 10'000;          // of the nftables case

IpAddress AddressOf(uint16_t zone, uint8_t host) { return IpAddress::V4(198, 18, static_cast<uint8_t>(zone), host); }

// Only the client may reach the server, at one port.
constexpr char kPolicy[] = R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: bench}
spec:
  podSelector: {matchLabels: {app: server}}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{protocol: TCP, port: 5432}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: bench}
spec:
  podSelector: {matchLabels: {app: client}}
  policyTypes: [Ingress, Egress]
  egress: [{to: [{podSelector: {matchLabels: {app: server}}}], ports: [{protocol: TCP, port: 5432}]}]
)";

absl::StatusOr<CompiledPolicy> PolicyOf(const std::vector<Bridge>& bridges) {
  const PolicyFile file = ParsePolicies(kPolicy, "bench.yaml");
  if (!file.errors.empty()) return absl::InvalidArgumentError(file.errors.front());
  CompileInput input;
  input.documents = std::make_shared<PolicyDocuments>(file.documents);
  for (const auto& [host, service] : {std::pair(kClient, "client"), std::pair(kServer, "server")}) {
    KnownIdentity known;
    known.identity = {kFirstIdentity + host, "bench", service, {{"app", service}}, {}};
    known.mode = Mode::kEnforce;
    for (const Bridge& bridge : bridges) known.addresses.push_back(AddressOf(bridge.zone, host));
    input.identities.push_back(known);
  }
  input.global_mode = Mode::kEnforce;
  input.generation = 1;
  return Compile(input);
}

bool IsOurs(Guarding guarding) { return guarding == Guarding::kEnforce || guarding == Guarding::kEnforceFast; }

// Packets of known connections pass; a new one is looked up in a map as an engine's or Kubernetes' policy backend makes them.
std::string Ruleset(const Bridge& bridge) {
  std::string text = absl::StrCat(
      "table inet bench {\n  map allowed {\n    type ipv4_addr . ipv4_addr . inet_service : verdict\n    elements = {\n",
      "      198.18.", bridge.zone, ".2 . 198.18.", bridge.zone, ".3 . ", kPort, " : accept");
  for (int i = 1; i < kMapEntries; ++i) {
    absl::StrAppend(&text, ",\n      198.19.", i / 200, ".", i % 200 + 1, " . 198.18.", bridge.zone, ".3 . ", kPort, " : accept");
  }
  absl::StrAppend(&text, "\n    }\n  }\n  chain forward {\n    type filter hook forward priority 0; policy drop;\n",
                  "    ct state established,related accept\n    ip saddr . ip daddr . tcp dport vmap @allowed\n  }\n}\n");
  return text;
}

absl::Status WriteKnob(const std::string& path, const char* value) {
  std::ofstream knob(path);
  knob << value;
  knob.close();
  return knob.good() ? absl::OkStatus() : absl::UnavailableError(absl::StrCat(path, " cannot be set"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<World>> World::Create(const std::vector<Guarding>& guardings) {
  if (const std::string why = lab::WhyNoNamespaces(); !why.empty()) return absl::FailedPreconditionError(why);
  std::unique_ptr<World> out(new World());
  auto netns = lab::TestNetns::Create();
  if (!netns.ok()) return netns.status();
  out->netns_ = *std::move(netns);
  // Where the kernel can hand bridged packets to IP's hooks it does so from the start; here only a bridge of which it is asked.
  for (const char* knob : {"iptables", "ip6tables", "arptables"}) {
    static_cast<void>(WriteKnob(absl::StrCat("/proc/sys/net/bridge/bridge-nf-call-", knob), "0"));
  }
  uint16_t number = 0;
  for (const Guarding guarding : guardings) {
    if (auto status = out->MakeBridge(guarding, ++number); !status.ok()) return status;
  }
  if (auto status = out->Enforce(); !status.ok()) return status;
  return out;
}

absl::StatusOr<Place> World::MakePlace(const std::string& bridge, uint16_t number, uint8_t host) {
  auto netns = lab::PeerNetns::Create();
  if (!netns.ok()) return netns.status();
  Place place{*std::move(netns), AddressOf(number, host), {}, uint32_t{100} + number * 10u + host};
  place.mac.bytes = {2, 0, 0, 0, static_cast<uint8_t>(number), host};
  const std::string index = std::to_string(place.ifindex), inner = absl::StrCat("p", index);
  absl::Status status = netns_->Command({"ip", "link", "add", "name", absl::StrCat("v", index), "index", index, "type", "veth", "peer",
                                         "name", inner, "address", place.mac.ToString()});
  const std::vector<std::vector<std::string>> host_side = {
      {"ip", "link", "set", absl::StrCat("v", index), "master", bridge, "up"},
      {"ip", "link", "set", inner, "netns", place.netns.path()}};
  for (const auto& command : host_side) {
    if (status.ok()) status = netns_->Command(command);
  }
  const std::vector<std::vector<std::string>> inside = {
      {"ip", "link", "set", inner, "up"},
      {"ip", "addr", "add", absl::StrCat(place.address.ToString(), "/24"), "dev", inner},
      {"ip", "link", "set", "lo", "up"}};
  for (const auto& command : inside) {
    if (status.ok()) status = place.netns.Command(command);
  }
  if (!status.ok()) return status;
  return place;
}

absl::Status World::MakeBridge(Guarding guarding, uint16_t number) {
  Bridge bridge;
  bridge.guarding = guarding;
  bridge.zone = number;
  bridge.name = absl::StrCat("br", number);
  absl::Status status = netns_->Command({"ip", "link", "add", bridge.name, "type", "bridge", "mcast_snooping", "0"});
  if (status.ok()) status = netns_->Command({"ip", "link", "set", bridge.name, "up"});
  if (!status.ok()) return status;
  for (const uint8_t host : {kClient, kServer}) {
    auto place = MakePlace(bridge.name, number, host);
    if (!place.ok()) return place.status();
    bridge.places.push_back(*std::move(place));
  }
  if (guarding == Guarding::kNftables) status = GuardByNftables(bridge);
  bridges_.push_back(std::move(bridge));
  return status;
}

absl::Status World::GuardByNftables(const Bridge& bridge) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "rules.nft").string();
  std::ofstream(path) << Ruleset(bridge);
  if (auto status = netns_->Command({"nft", "-f", path}); !status.ok()) return status;
  return netns_->Command({"ip", "link", "set", bridge.name, "type", "bridge", "nf_call_iptables", "1"});
}

absl::Status World::Enforce() {
  EbpfOptions options;
  options.flow_entries = 1u << 17;
  auto backend = EbpfBackend::Open(writer_, clock_, options);
  if (!backend.ok()) return backend.status();
  backend_ = *std::move(backend);
  auto policy = PolicyOf(bridges_);
  if (!policy.ok()) return policy.status();
  absl::Status status = backend_->ApplyPolicy(std::make_shared<const CompiledPolicy>(*std::move(policy)));
  for (const Bridge& bridge : bridges_) {
    if (!IsOurs(bridge.guarding)) continue;
    for (const Place& place : bridge.places) {
      EndpointState endpoint;
      endpoint.slot = static_cast<uint16_t>(place.ifindex);
      endpoint.ifindex = place.ifindex;
      endpoint.zone = bridge.zone;
      endpoint.bound = true;
      endpoint.mac = place.mac;
      endpoint.workload = place.ifindex;
      endpoint.identity = kFirstIdentity + place.address.bytes[3];
      endpoint.addresses = {place.address};
      if (status.ok()) status = backend_->PutEndpoint(endpoint);
      if (status.ok()) status = backend_->Attach(place.ifindex, bridge.zone);
      if (bridge.guarding == Guarding::kEnforceFast) fast_slots_.push_back(endpoint.slot);
    }
  }
  return status.ok() ? Vouch() : status;
}

absl::Status World::Vouch() { return backend_->SetFastPath(fast_slots_, 60); }

absl::StatusOr<uint64_t> World::FastFlows() {
  auto counters = backend_->ReadCounters();
  if (!counters.ok()) return counters.status();
  return (*counters)[BH_COUNTER_FLOWS_FAST];
}

}  // namespace bulkhead::bench

// SPDX-License-Identifier: Apache-2.0
// Simulate: what the dataplane would do with a packet.
#include "bulkhead/api/simulate.h"

#include <algorithm>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controlplane/api/events.h"
#include "controlplane/api/frame.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/names.h"
#include "controlplane/api/resolve.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

constexpr uint16_t kFirstPort = 49152;  // of those that are nobody's (RFC 6335 section 6)
constexpr MacAddress kSomebody{{0x02, 0, 0, 0, 0, 0x01}};
constexpr uint32_t kAnInterface = 1;  // that a packet from outside came in by

// A hook: an interface of a workload with programs on it. workload null: the host, or the world.
struct Hook {
  const Workload* workload = nullptr;
  const Endpoint* endpoint = nullptr;
  const EndpointView* state = nullptr;
  IpAddress address;  // of the end
};

struct Simulated {
  std::vector<SimulatedPacket> packets;
  std::vector<Hook> hooks;  // of each
  std::vector<uint64_t> numbers;
};

const EndpointView* StateOf(const View& view, const Endpoint& endpoint) {
  const auto at = std::find_if(view.endpoints.begin(), view.endpoints.end(),
                               [&](const EndpointView& state) { return state.ifindex == endpoint.ifindex && state.attached; });
  return endpoint.ifindex == 0 || at == view.endpoints.end() ? nullptr : &*at;
}

// The endpoints that hold a workload's packets: of a shared namespace, the owner's.
absl::StatusOr<std::vector<Hook>> HooksOf(const View& view, const Workload& workload) {
  const Workload* owner = &workload;
  if (!workload.via.empty()) {
    const auto at = view.workloads.find(workload.runtime + "/" + workload.via);
    if (at != view.workloads.end()) owner = &at->second;
  }
  std::vector<Hook> out;
  for (const Endpoint& endpoint : owner->endpoints) {
    const EndpointView* state = StateOf(view, endpoint);
    if (state == nullptr) continue;
    for (const IpAddress& address : endpoint.addresses) out.push_back({owner, &endpoint, state, address});
  }
  if (out.empty()) return absl::FailedPreconditionError(absl::StrCat(WorkloadNameOf(workload), " has no interface that is protected"));
  return out;
}

// All places that the user may mean.
absl::StatusOr<std::vector<Hook>> PlacesOf(const View& view, const std::string& text, const std::string& ns, const char* field) {
  absl::StatusOr<Resolved> resolved = Resolve(view, text, ns);
  if (!resolved.ok()) return absl::Status(resolved.status().code(), absl::StrCat(field, ": ", std::string(resolved.status().message())));
  std::vector<Hook> out;
  for (const Workload* workload : resolved->workloads) {
    const absl::StatusOr<std::vector<Hook>> hooks = HooksOf(view, *workload);
    if (!hooks.ok() && workload == resolved->workloads.back() && out.empty()) return hooks.status();
    if (hooks.ok()) out.insert(out.end(), hooks->begin(), hooks->end());
  }
  if (resolved->address) {
    std::erase_if(out, [&](const Hook& hook) { return hook.address != *resolved->address; });
    if (out.empty()) out.push_back({nullptr, nullptr, nullptr, *resolved->address});
  }
  if (resolved->kind == Resolved::Kind::kHost && !resolved->address) {
    for (const std::string& address : view.host_addresses) {
      if (const auto parsed = IpAddress::Parse(address)) out.push_back({nullptr, nullptr, nullptr, *parsed});
    }
  }
  if (out.empty()) return absl::InvalidArgumentError(absl::StrCat(field, ": \"", text, "\" has no address; give one"));
  return out;
}

bool IsHost(const View& view, const IpAddress& address) {
  return std::find(view.host_addresses.begin(), view.host_addresses.end(), address.ToString()) != view.host_addresses.end();
}

// Two places that packets go between: two workloads if there are two, on one network if they share one, by IPv4 if they can.
absl::StatusOr<std::pair<Hook, Hook>> ChoosePair(const std::vector<Hook>& from, const std::vector<Hook>& to) {
  std::optional<std::pair<Hook, Hook>> best;
  int best_rank = -1;
  for (const Hook& source : from) {
    for (const Hook& destination : to) {
      if (source.address.family != destination.address.family) continue;
      const bool local = source.state != nullptr && destination.state != nullptr;
      const int rank = (source.workload != destination.workload ? 4 : 0) + (local && source.state->zone == destination.state->zone ? 2 : 0) +
                       (source.address.IsV4() ? 1 : 0);
      if (rank <= best_rank) continue;
      best_rank = rank;
      best = {source, destination};
    }
  }
  if (!best) return absl::InvalidArgumentError("from, to: no addresses of one family");
  if (best->first.state == nullptr && best->second.state == nullptr)
    return absl::InvalidArgumentError("from, to: neither is a workload here, so that no hook sees the packet");
  return *best;
}

SimulatedPacket PacketAt(const Hook& hook, bool egress, std::vector<uint8_t> bytes) {
  SimulatedPacket packet;
  packet.zone = hook.state->zone;
  packet.egress = egress;
  packet.ifindex = hook.state->ifindex;
  packet.bytes = std::move(bytes);
  return packet;
}

// Who hands a packet over to an egress hook: what is known of its sender there.
void Arrive(const View& view, const Hook* sender, const IpAddress& source, SimulatedPacket* packet) {
  if (sender != nullptr && sender->state != nullptr) {
    packet->tag = sender->state->slot;
    packet->ingress_ifindex = sender->state->ifindex;
  } else {
    packet->ingress_ifindex = IsHost(view, source) ? 0 : kAnInterface;
  }
}

// The ports that flows between the two ends have, and whether one of them has the wanted one.
struct PortsTaken {
  std::set<uint16_t> ports;
  bool wanted = false;
};
absl::StatusOr<PortsTaken> TakenPorts(DaemonService* service, const FrameSpec& frame) {
  PortsTaken out;
  const absl::Status status = service->ReadFlows([&](const FlowRecord& flow) {
    if (flow.source != frame.source || flow.destination != frame.destination || flow.protocol != frame.protocol ||
        flow.destination_port != frame.destination_port)
      return true;
    out.ports.insert(flow.source_port);
    if (flow.source_port == frame.source_port && flow.state != FlowState::kClosed && !flow.expired) out.wanted = true;
    return true;
  });
  if (!status.ok()) return status;
  return out;
}

absl::StatusOr<Simulated> OneConnection(const View& view, DaemonService* service, const SimulateRequest& request, std::string* sent) {
  const absl::StatusOr<std::vector<Hook>> from = PlacesOf(view, request.from, request.ns, "from");
  if (!from.ok()) return from.status();
  const absl::StatusOr<std::vector<Hook>> to = PlacesOf(view, request.to, request.ns, "to");
  if (!to.ok()) return to.status();
  const absl::StatusOr<std::pair<Hook, Hook>> pair = ChoosePair(*from, *to);
  if (!pair.ok()) return pair.status();
  const auto& [source, destination] = *pair;
  const std::optional<uint8_t> protocol = ParseProtocol(request.protocol);
  if (!protocol) return absl::InvalidArgumentError(absl::StrCat("protocol: found \"", request.protocol, "\", expected tcp, udp, sctp or icmp"));
  FrameSpec frame;
  frame.source_mac = source.endpoint == nullptr ? kSomebody : source.endpoint->mac;
  frame.destination_mac = destination.endpoint == nullptr ? kSomebody : destination.endpoint->mac;
  frame.source = source.address;
  frame.destination = destination.address;
  frame.protocol = *protocol;
  frame.destination_port = request.port;
  frame.source_port = request.source_port;
  const absl::StatusOr<PortsTaken> taken = TakenPorts(service, frame);
  if (!taken.ok()) return taken.status();
  frame.opens = !taken->wanted || request.source_port == 0;
  if (request.source_port == 0) {
    for (frame.source_port = kFirstPort; taken->ports.contains(frame.source_port) && frame.source_port != 0; ++frame.source_port) {
    }
  }
  *sent = FrameText(frame);
  Simulated out;
  const std::vector<uint8_t> bytes = MakeFrame(frame);
  if (source.state != nullptr) {
    out.packets.push_back(PacketAt(source, false, bytes));
    out.hooks.push_back(source);
  }
  if (destination.state != nullptr) {
    SimulatedPacket& packet = out.packets.emplace_back(PacketAt(destination, true, bytes));
    Arrive(view, &source, source.address, &packet);
    packet.follows = source.state != nullptr;
    out.hooks.push_back(destination);
  }
  out.numbers.assign(out.packets.size(), 1);
  return out;
}

// Of several endpoints the one whose address the frame has; else the first.
const Hook& HookFor(const std::vector<Hook>& hooks, const std::vector<uint8_t>& frame) {
  for (const Hook& hook : hooks) {
    const auto begin = hook.address.bytes.begin(), end = begin + (hook.address.IsV4() ? 4 : 16);
    if (std::search(frame.begin(), frame.end(), begin, end) != frame.end()) return hook;
  }
  return hooks.front();
}

absl::StatusOr<Simulated> Frames(const View& view, const SimulateRequest& request) {
  if (request.packets.size() > kMaxSimulatedPackets)
    return absl::InvalidArgumentError(absl::StrCat("packets: found ", request.packets.size(), ", expected at most ", kMaxSimulatedPackets));
  if (request.hook != "ingress" && request.hook != "egress")
    return absl::InvalidArgumentError(absl::StrCat("hook: found \"", request.hook, "\", expected ingress or egress"));
  const absl::StatusOr<std::vector<Hook>> hooks = PlacesOf(view, request.endpoint, request.ns, "endpoint");
  if (!hooks.ok()) return hooks.status();
  if (hooks->front().state == nullptr) return absl::InvalidArgumentError(absl::StrCat("endpoint: \"", request.endpoint, "\" is no workload here"));
  Simulated out;
  for (const std::string& digits : request.packets) {
    const uint64_t number = out.packets.size() + 1;
    if (digits.size() % 2 != 0 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      return absl::InvalidArgumentError(absl::StrCat("packets: packet ", number, ": expected hexadecimal digits"));
    const std::string text = absl::HexStringToBytes(digits);
    std::vector<uint8_t> bytes(text.begin(), text.end());
    if (bytes.size() < 14 || bytes.size() > kMaxSimulatedBytes)
      return absl::InvalidArgumentError(absl::StrCat("packets: packet ", number, ": found ", bytes.size(), " bytes, expected 14 to ", kMaxSimulatedBytes));
    const Hook& hook = HookFor(*hooks, bytes);
    SimulatedPacket packet = PacketAt(hook, request.hook == "egress", bytes);
    if (const std::optional<IpAddress> source = SourceOf(bytes); source && packet.egress) {
      const absl::StatusOr<std::vector<Hook>> senders = PlacesOf(view, source->ToString(), "", "source");
      Arrive(view, senders.ok() ? &senders->front() : nullptr, *source, &packet);
    }
    out.packets.push_back(std::move(packet));
    out.hooks.push_back(hook);
    out.numbers.push_back(number);
  }
  return out;
}

const char* PathName(SimulatedPath path) {
  switch (path) {
    case SimulatedPath::kNotRun: return "not reached";
    case SimulatedPath::kEstablished: return "established";
    case SimulatedPath::kJudged: return "judged";
    case SimulatedPath::kUnjudged: return "unjudged";
    case SimulatedPath::kRefused: return "refused";
  }
  return "?";
}

SimulatedStep MakeStep(const Names& names, uint64_t number, const SimulatedPacket& packet, const Hook& hook, const SimulatedRun& run) {
  SimulatedStep step;
  step.packet = number;
  step.workload = WorkloadNameOf(*hook.workload);
  step.interface = hook.endpoint->ifname;
  step.hook = packet.egress ? "egress" : "ingress";
  step.path = PathName(run.path);
  step.passed = run.passed;
  if (run.path == SimulatedPath::kNotRun) return step;
  step.verdict = VerdictName(run.verdict);
  if (run.verdict != Verdict::kAllow) step.reason = ReasonName(run.reason);
  step.flow = run.fast ? "fast" : run.opens ? "new" : run.refreshes ? "again" : run.path == SimulatedPath::kEstablished && run.quick ? "quick" : "";
  if (run.path != SimulatedPath::kJudged) return step;
  step.from = names.Party(run.source_identity);
  step.to = names.Party(run.destination_identity);
  step.rule = names.DecidingRule(run.source_rule, run.destination_rule, run.verdict);
  step.egress_rule = names.RuleKey(run.source_rule);
  step.ingress_rule = names.RuleKey(run.destination_rule);
  return step;
}

}  // namespace

absl::StatusOr<Response> PostSimulate(const Context& context, const Request& request) {
  const absl::StatusOr<SimulateRequest> wanted = ParseWire<SimulateRequest>(request.body);
  if (!wanted.ok()) return wanted.status();
  const Names names(context.service->GetView());
  Simulation out;
  const absl::StatusOr<Simulated> simulated = wanted->endpoint.empty() ? OneConnection(names.view(), context.service, *wanted, &out.sent)
                                                                       : Frames(names.view(), *wanted);
  if (!simulated.ok()) return simulated.status();
  const absl::StatusOr<std::vector<SimulatedRun>> runs = context.service->Simulate(simulated->packets);
  if (!runs.ok()) return runs.status();
  out.generation = names.view().generation;
  for (size_t i = 0; i < runs->size(); ++i) {
    out.steps.push_back(MakeStep(names, simulated->numbers[i], simulated->packets[i], simulated->hooks[i], (*runs)[i]));
    if ((*runs)[i].path != SimulatedPath::kNotRun && !(*runs)[i].passed) ++out.dropped;
  }
  out.passed = out.dropped == 0;
  return ObjectResponse(out);
}

}  // namespace bulkhead::api

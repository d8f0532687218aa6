// SPDX-License-Identifier: Apache-2.0
// Explain: resolves both sides, lets the policy engine explain, and adds what it does not know: modes and what was seen.
#include "controlplane/policy/explain.h"

#include <algorithm>
#include <ctime>
#include <set>

#include "absl/strings/str_cat.h"
#include "bulkhead/api/explain.h"
#include "controlplane/api/explained.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/names.h"
#include "controlplane/api/resolve.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

// One side as it was resolved and as policy sees it.
struct Side {
  Party party;
  ExplainedParty shown;
  const Workload* workload = nullptr;  // that was chosen
  std::optional<Mode> mode;            // of its service; none for host and world, which never deny
  std::optional<NewcomerView> newcomer;
};

std::vector<IpAddress> AddressesOf(const View& view, const Workload& workload) {
  const auto owner = workload.via.empty() ? view.workloads.end() : view.workloads.find(workload.runtime + "/" + workload.via);
  std::vector<IpAddress> out;
  for (const Endpoint& endpoint : (owner == view.workloads.end() ? workload : owner->second).endpoints) {
    out.insert(out.end(), endpoint.addresses.begin(), endpoint.addresses.end());
  }
  return out;
}

// The first address, of the wanted family if there is one.
std::optional<IpAddress> PickAddress(const std::vector<IpAddress>& addresses, std::optional<uint8_t> family) {
  for (const IpAddress& address : addresses) {
    if (!family || address.family == *family) return address;
  }
  return addresses.empty() ? std::nullopt : std::optional<IpAddress>(addresses.front());
}

std::vector<IpAddress> HostAddresses(const View& view) {
  std::vector<IpAddress> out;
  for (const std::string& text : view.host_addresses) {
    if (const std::optional<IpAddress> address = IpAddress::Parse(text)) out.push_back(*address);
  }
  return out;
}

Side HostSide(const View& view, std::optional<IpAddress> address, std::optional<uint8_t> family) {
  Side side;
  side.party.kind = Party::Kind::kHost;
  side.party.address = address ? address : PickAddress(HostAddresses(view), family);
  side.shown.name = "host";
  return side;
}

// `other`: the workload of the other side, which a service with several workloads does not choose again.
Side WorkloadSide(const View& view, const Resolved& resolved, const Workload* other, std::optional<uint8_t> family) {
  const auto another =
      std::find_if(resolved.workloads.begin(), resolved.workloads.end(), [other](const Workload* w) { return w != other; });
  const Workload& workload = another == resolved.workloads.end() ? *resolved.workloads.front() : **another;
  if (workload.host_network) {
    Side side = HostSide(view, std::nullopt, family);
    side.workload = &workload;
    side.shown.workload = WorkloadNameOf(workload);
    return side;
  }
  Side side;
  side.workload = &workload;
  side.party.kind = Party::Kind::kWorkload;
  side.party.ns = workload.ns;
  side.party.labels = workload.labels;
  side.party.named_ports = workload.named_ports;
  if (const auto identity = view.identities.find(workload.identity); identity != view.identities.end()) {
    side.party.labels = identity->second.labels;
    side.party.named_ports = identity->second.named_ports;
  }
  side.party.address = resolved.address ? resolved.address : PickAddress(AddressesOf(view, workload), family);
  side.party.id = workload.runtime + "/" + (workload.via.empty() ? workload.id : workload.via);
  side.mode = view.modes.Of(workload.ns, workload.service);
  if (const auto at = view.newcomers.find(workload.identity); at != view.newcomers.end()) side.newcomer = at->second;
  side.shown.name = PartyName(workload.ns, workload.service);
  side.shown.workload = WorkloadNameOf(workload);
  side.shown.mode = ModeName(*side.mode);
  return side;
}

Side MakeSide(const View& view, const Resolved& resolved, const Workload* other, std::optional<uint8_t> family) {
  Side side;
  switch (resolved.kind) {
    case Resolved::Kind::kHost:
      side = HostSide(view, resolved.address, family);
      break;
    case Resolved::Kind::kWorkloads:
      side = WorkloadSide(view, resolved, other, family);
      break;
    case Resolved::Kind::kWorld:
      side.party.kind = Party::Kind::kWorld;
      side.party.address = resolved.address;
      side.shown.name = "world";
      break;
  }
  if (side.party.address) side.shown.address = side.party.address->ToString();
  return side;
}

std::string UtcText(uint64_t unix_seconds) {
  const time_t time = static_cast<time_t>(unix_seconds);
  tm utc{};
  gmtime_r(&time, &utc);
  char text[32] = {};
  strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &utc);
  return text;
}

// No rule permits it, and none denies it.
bool IsUnpermitted(const SideAnswer& answer) { return !answer.allow && (answer.policy.empty() || answer.rule == "isolated"); }

// What a denial does to the packet. newcomer: of either side, unless a rule denies.
std::string EffectOf(Mode mode, bool audit, const Side* newcomer) {
  if (audit) return " -> passes, reported (policy in audit)";
  if (newcomer != nullptr && mode == Mode::kEnforce) {
    const bool admitted = newcomer->newcomer->kind == Newcomer::kAdmitted;
    return absl::StrCat(" -> passes, ", admitted ? "learned" : "reported", " (image new to ", newcomer->shown.name, ", until ",
                        UtcText(newcomer->newcomer->until), ")");
  }
  return mode == Mode::kEnforce ? " -> dropped" : mode == Mode::kAudit ? " -> passes, reported" : " -> passes, recorded";
}

// What each side's mode does to what its policy says; sets the verdict.
void AddModes(const bulkhead::Explanation& policy, const Side& source, const Side& destination, Explanation* out) {
  bool denied = false, dropped = false;
  std::vector<std::string> modes;
  const Side* newcomer = source.newcomer ? &source : destination.newcomer ? &destination : nullptr;
  const auto add = [&](const Side& side, const SideAnswer& answer) {
    if (!side.mode) return;
    const Side* spares = IsUnpermitted(answer) ? newcomer : nullptr;
    std::string text = absl::StrCat(side.shown.name, " ", ModeName(*side.mode));
    if (!answer.allow) {
      denied = denied || spares == nullptr || spares->newcomer->kind == Newcomer::kReported;
      dropped = dropped || (answer.drops() && *side.mode == Mode::kEnforce && spares == nullptr);
      absl::StrAppend(&text, EffectOf(*side.mode, answer.audit, spares));
    }
    if (policy.allow || !answer.allow) modes.push_back(text);
  };
  add(source, policy.egress.answer);
  if (destination.shown.name != source.shown.name || !policy.allow) add(destination, policy.ingress.answer);
  out->modes = std::move(modes);
  out->verdict = VerdictName(dropped ? Verdict::kDeny : denied ? Verdict::kWouldDeny : Verdict::kAllow);
}

void AddSeen(const Context& context, uint8_t protocol, Explanation* out) {
  const uint64_t now = context.activity->Refresh(context.service);
  for (const EdgeActivity& edge : context.activity->Sum(now)) {
    if (edge.from != out->from.name || edge.to != out->to.name || edge.protocol != protocol || edge.port != out->port) continue;
    out->answered_1h += edge.answered;
    out->denied_1h += edge.denied;
  }
}

// Replicas mostly share an identity; where they do not, the answer is one workload's.
void AddNote(const Resolved& resolved, const Side& side, Explanation* out) {
  std::set<IdentityId> identities;
  for (const Workload* workload : resolved.workloads) identities.insert(workload->identity);
  if (identities.size() > 1) {
    out->notes.push_back(
        absl::StrCat("workloads of ", side.shown.name, " differ in their labels or image; this is about ", side.shown.workload));
  }
  if (side.workload != nullptr && (side.workload->host_network || !side.workload->unprotected.empty())) {
    out->notes.push_back(absl::StrCat(side.shown.workload, " is unprotected: ",
                                      side.workload->unprotected.empty() ? "host network" : side.workload->unprotected));
  }
}

}  // namespace

absl::StatusOr<Response> GetExplanation(const Context& context, const Request& request) {
  const std::shared_ptr<const View> view = context.service->GetView();
  if (view->documents == nullptr) return absl::UnavailableError("no policy is in force yet");
  const std::optional<uint8_t> protocol = ParseProtocol(request.Query(kProtocol));
  if (!protocol) {
    return absl::InvalidArgumentError(
        absl::StrCat("protocol: found \"", request.Query(kProtocol), "\", expected tcp, udp, sctp or icmp"));
  }
  const bool has_port = HasPorts(*protocol);
  const absl::StatusOr<uint64_t> port = QueryNumber(request, kPort, has_port ? 1 : 0, has_port ? 65535 : 0, 0);
  if (!port.ok()) return port.status();
  if (has_port && *port == 0) return absl::InvalidArgumentError("port: found nothing, expected a number from 1 to 65535");
  const absl::StatusOr<Resolved> from = Resolve(*view, request.Query(kFrom), request.Query(kNamespace));
  if (!from.ok()) return from.status();
  const absl::StatusOr<Resolved> to = Resolve(*view, request.Query(kTo), request.Query(kNamespace));
  if (!to.ok()) return to.status();

  // An address that the user gave decides the family for both sides.
  const std::optional<uint8_t> wanted = to->address ? std::optional<uint8_t>(to->address->family) : std::nullopt;
  const Side source = MakeSide(*view, *from, nullptr, wanted);
  const std::optional<uint8_t> family = source.party.address ? std::optional<uint8_t>(source.party.address->family) : std::nullopt;
  const Side destination = MakeSide(*view, *to, source.workload, family);
  Question question;
  question.documents = view->documents.get();
  question.namespaces = &view->namespaces;
  question.nodes = &view->nodes;
  question.options = view->policy_options;
  question.source = source.party;
  question.destination = destination.party;
  question.protocol = *protocol;
  question.port = static_cast<uint16_t>(*port);
  const bulkhead::Explanation policy = Explain(question);

  Explanation out;
  out.generation = view->generation;
  out.from = source.shown;
  out.to = destination.shown;
  out.protocol = ProtocolName(*protocol);
  out.port = static_cast<uint16_t>(*port);
  AddPolicy(policy, &out);
  AddModes(policy, source, destination, &out);
  AddSeen(context, *protocol, &out);
  AddNote(*from, source, &out);
  if (destination.shown.workload != source.shown.workload) AddNote(*to, destination, &out);
  RenderText(policy, true, &out);
  return ObjectResponse(out);
}

}  // namespace bulkhead::api

// SPDX-License-Identifier: Apache-2.0
#include "dataplane/reference/judge.h"

#include <algorithm>

#include "dataplane/reference/source_check.h"

namespace bulkhead::reference {
namespace {

constexpr uint16_t kFirstEphemeralPort = 32768;

}  // namespace

Judge::Judge(Tables& tables, const Packet& packet)
    : tables_(tables), packet_(packet), parsed_(Parse(packet)), endpoint_(tables.directory.AtPort(packet.ifindex)) {}

Outcome Judge::Run() {
  if (parsed_.kind == Kind::kMalformed) return Refuse(parsed_.reason);
  if (parsed_.later_fragment) {
    if (const bh_reason reason = FindPorts(); reason != BH_REASON_NONE) return Refuse(reason);
  }
  key_ = KeyOf(packet_.zone, parsed_.tuple);
  const Outcome outcome = Decide();
  if (outcome.pass) RememberPorts();
  return outcome;
}

const FirstFragment* Judge::First() const {
  const auto first = tables_.fragments.find(*parsed_.fragment);
  return first != tables_.fragments.end() && tables_.now - first->second.seen <= BH_FRAGMENT_NS ? &first->second : nullptr;
}

bh_reason Judge::FindPorts() {
  const FirstFragment* first = First();
  if (first == nullptr) return BH_REASON_FRAGMENT_STRAY;
  if (parsed_.fragment_begin < first->end) return BH_REASON_FRAGMENT_OVERLAP;
  parsed_.tuple = first->tuple;
  return BH_REASON_NONE;
}

void Judge::RememberPorts() {
  if (!parsed_.fragment || parsed_.later_fragment || parsed_.kind != Kind::kFlow) return;
  const FirstFragment* before = First();
  const uint32_t end = std::max(parsed_.fragment_end, before == nullptr ? 0u : before->end);
  tables_.fragments[*parsed_.fragment] = {parsed_.tuple, end, tables_.now};
}

Outcome Judge::Decide() {
  if (parsed_.kind == Kind::kFlow && !parsed_.group) {
    if (const auto outcome = Established()) return *outcome;
  }
  if (parsed_.kind == Kind::kArp && !ingress()) return Pass();
  if (endpoint_ == nullptr) return Refuse(BH_REASON_NO_ENDPOINT);
  return ingress() ? AtIngress() : AtEgress();
}

std::optional<Outcome> Judge::Established() {
  Flow* flow = tables_.flows.Find(key_, tables_.tick);
  const int sender = side();
  if (flow == nullptr || flow->stamp != tables_.stamp || StartsAnew(*flow, sender, parsed_)) return std::nullopt;
  if (ingress()) {
    if (flow->ifindex[sender] != packet_.ifindex) return std::nullopt;
    if (flow->mac[sender] != 0 && flow->mac[sender] != EndOf(parsed_.source_mac)) return std::nullopt;
  } else {
    if (flow->ifindex[1 - sender] != packet_.ifindex) return std::nullopt;
    // Nobody knows yet what provenance the answers of a responder that is not here will have.
    const bool first_answer = flow->ifindex[sender] == 0 && sender == flow->responder() && flow->state == BH_FLOW_UNANSWERED &&
                              packet_.tag != BH_TAG_REFUSED;
    if (packet_.tag != flow->slot[sender] && !first_answer) return std::nullopt;
  }
  Outcome outcome;
  outcome.established = true;
  outcome.verdict = flow->ruling.verdict;
  outcome.tag = ingress() ? flow->slot[sender] : packet_.tag;
  outcome.source_identity = flow->ruling.source;
  outcome.destination_identity = flow->ruling.destination;
  outcome.source_rule = flow->ruling.source_rule;
  outcome.destination_rule = flow->ruling.destination_rule;
  CountPacket(*flow);
  const bool dns = parsed_.tuple.protocol == kProtoUdp && parsed_.tuple.source_port == BH_DNS_PORT && !parsed_.fragment;
  if (!ingress() && dns && sender == flow->responder() && !parsed_.datagram.empty()) KeepAnswer();
  return outcome;
}

void Judge::KeepAnswer() {
  bh_dns_answer answer = {};
  answer.time = tables_.now;
  answer.ifindex = packet_.ifindex;
  answer.length = static_cast<uint32_t>(parsed_.datagram.size());
  answer.family = parsed_.tuple.source.family;
  std::copy(parsed_.tuple.source.bytes.begin(), parsed_.tuple.source.bytes.end(), answer.server);
  std::copy_n(parsed_.datagram.begin(), std::min<size_t>(parsed_.datagram.size(), BH_DNS_BYTES), answer.data);
  tables_.ledger.Answer(answer);
}

Outcome Judge::AtIngress() {
  const SourceCheck check = CheckSource(parsed_, *endpoint_, tables_.directory);
  if (check.verdict == SourceVerdict::kRefused) {
    const bool forged = check.reason == BH_REASON_SPOOFED_IP || check.reason == BH_REASON_SPOOFED_MAC;
    return forged ? RefuseForged(check.reason) : Refuse(check.reason);
  }
  if (check.verdict == SourceVerdict::kPasses) return Pass();
  if (parsed_.kind == Kind::kIcmpError) return JudgeIcmpError();

  const Tuple& tuple = parsed_.tuple;
  const Party source = OwnParty(tuple.source);
  if (parsed_.group) return JudgeGroup({source, tables_.directory.Outside(tuple.destination), ServicePort()});
  const Service service = tables_.directory.Published(packet_.zone, tuple.destination, ServicePort(), tuple.protocol);
  return JudgeFlow({source, service.party, service.port});
}

Outcome Judge::AtEgress() {
  if (parsed_.kind == Kind::kNeighbour || parsed_.kind == Kind::kListener) return AmongNeighbours();
  const auto sender = SenderAtEgress();
  if (!sender) return Refuse(BH_REASON_SPOOFED_IP);
  if (!parsed_.group && !IsForThisEndpoint()) return Refuse(BH_REASON_WRONG_PORT);
  if (parsed_.kind == Kind::kIcmpError) return JudgeIcmpError();

  const Question question{*sender, OwnParty(parsed_.tuple.destination), ServicePort()};
  return parsed_.group ? JudgeGroup(question) : JudgeFlow(question);
}

Outcome Judge::AmongNeighbours() {
  if (!IsOfThisLink(parsed_)) return Refuse(BH_REASON_SPOOFED_ND);
  const IpAddress& to = parsed_.tuple.destination;
  if (IsMulticast(to) || IsForThisEndpoint()) return Pass();
  const bool to_its_mac = endpoint_->mac.IsZero() || parsed_.destination_mac == endpoint_->mac;
  const bool may_be_its = endpoint_->bound && to_its_mac && MayBeOwnLinkLocal(*endpoint_, tables_.directory, to);
  return may_be_its ? Pass() : Refuse(BH_REASON_WRONG_PORT);
}

bool Judge::IsMadeHere() const {
  const bool remade = parsed_.fragment_header && !packet_.socket;
  return packet_.ingress_ifindex == 0 && !remade;
}

std::optional<Party> Judge::SenderAtEgress() const {
  const Directory& directory = tables_.directory;
  const Tuple& tuple = parsed_.tuple;
  const auto known = directory.Find(packet_.zone, tuple.source);
  if (packet_.tag == BH_TAG_REFUSED) return std::nullopt;
  if (packet_.tag != 0) {
    const bool anothers = known && !known->host && !known->ambiguous && known->slot != packet_.tag;
    if (anothers) return std::nullopt;
    return directory.Tagged(packet_.zone, packet_.tag, tuple.source);
  }
  if (!IsMadeHere()) {
    if (known) return std::nullopt;
    return directory.Outside(tuple.source);
  }
  const bool proxy =
      tables_.proxy_is_world && directory.IsTarget(packet_.zone, tuple.destination, tuple.destination_port, tuple.protocol);
  return proxy ? directory.Outside(tuple.source) : directory.Host(tuple.source);
}

bool Judge::IsForThisEndpoint() const {
  const Directory& directory = tables_.directory;
  const IpAddress& destination = parsed_.tuple.destination;
  if (!endpoint_->bound) {
    const Resident owner = directory.At(packet_.zone, destination).value_or(Resident());
    return owner.ambiguous || owner.slot == 0 || owner.slot == endpoint_->slot;
  }
  if (!endpoint_->mac.IsZero() && parsed_.destination_mac != endpoint_->mac) return false;
  const bool own_link_local = !endpoint_->mac.IsZero() && destination == LinkLocalOf(endpoint_->mac);
  return own_link_local || directory.Holder(packet_.zone, destination) == endpoint_->slot;
}

// A published port's answers, or those of another zone, carry the tag of the workload that answered first. Another tag is nobody
// else's business unless policy allows it outright: then the server was replaced. An address that is the tagged workload's own is
// judged like any other.
bool Judge::AnswersWithOtherProvenance(const Flow& flow) const {
  const int sender = side();
  if (ingress() || packet_.tag == 0 || flow.ifindex[sender] != 0 || flow.state == BH_FLOW_UNANSWERED) return false;
  if (packet_.tag == flow.slot[sender] || (flow.midstream && flow.slot[sender] == 0)) return false;
  const auto known = tables_.directory.Find(packet_.zone, parsed_.tuple.source);
  return !known || known->slot != packet_.tag;
}

Outcome Judge::JudgeIcmpError() {
  const auto& inner = parsed_.inner;
  if (!inner || inner->source != parsed_.tuple.destination) return RefuseForged(BH_REASON_ICMP_ORPHAN);
  const Flow* flow = tables_.flows.Find(KeyOf(packet_.zone, *inner), tables_.tick);
  // Judged by another policy than today's, or revoked: the next packet of the flow will tell, an error about it does not.
  if (flow == nullptr || flow->stamp != tables_.stamp) return RefuseForged(BH_REASON_ICMP_ORPHAN);
  // Only who was sent the packet may complain: a third workload could break others' flows.
  const bool sent_to_it = flow->ifindex[1 - SenderSide(*inner)] == packet_.ifindex;
  return !ingress() || sent_to_it ? Pass() : RefuseForged(BH_REASON_ICMP_ORPHAN);
}

Outcome Judge::JudgeGroup(const Question& question) {
  const Flow flow = Candidate(Ask(question), question.port, side());
  return flow.ruling.verdict == Verdict::kDeny ? Deny(flow, question) : Say(flow);
}

Outcome Judge::JudgeFlow(const Question& question) {
  Flow* flow = tables_.flows.Find(key_, tables_.tick);
  // An unasked echo reply opens nothing: else it would open the way for requests in the other direction.
  if (flow == nullptr && parsed_.IsEchoReply()) return Refuse(BH_REASON_ICMP_ORPHAN);
  if (flow == nullptr || StartsAnew(*flow, side(), parsed_)) return Open(question);
  if (side() == flow->opener) return Reconsider(*flow, question);
  const Question answered = Reversed(question, flow);
  const bool doubtful = AnswersWithOtherProvenance(*flow) && Ask(answered).verdict != Verdict::kAllow;
  return doubtful ? Refuse(BH_REASON_SPOOFED_IP) : Reconsider(*flow, answered);
}

// Found in the middle, either end may have opened it. Ports tell: services have low ones, clients ephemeral ones (Linux: from
// 32768). The other direction is taken if policy is kinder to it; but not for what goes from an ephemeral port to a service's, nor
// for more packets than the limit has room for.
Judge::Opening Judge::OpeningOf(const Question& question) const {
  Opening forward{Ask(question), question, side(), false};
  if (!parsed_.IsMidstream()) return forward;
  const bool from_service = parsed_.tuple.source_port < kFirstEphemeralPort;
  const bool to_service = parsed_.tuple.destination_port < kFirstEphemeralPort;
  const bool by_ports = from_service && !to_service;
  if (by_ports && !tables_.midstream_limit.Take(tables_.tick)) return forward;
  forward.midstream = true;
  const bool asks = from_service == to_service && forward.ruling.verdict != Verdict::kAllow;
  if (!by_ports && !(asks && tables_.midstream_limit.Take(tables_.tick))) return forward;
  const Question answered = Reversed(question, nullptr);
  const Opening reversed{Ask(answered), answered, 1 - side(), true};
  const Opening& first = by_ports ? reversed : forward;
  const Opening& second = by_ports ? forward : reversed;
  return Severity(second.ruling.verdict) < Severity(first.ruling.verdict) ? second : first;
}

Outcome Judge::Open(const Question& question) {
  const Opening opening = OpeningOf(question);
  Flow flow = Candidate(opening.ruling, opening.question.port, opening.opener);
  if (flow.ruling.verdict == Verdict::kDeny) return Deny(flow, opening.question);
  // A reset, or the answer to a SYN that nobody saw, opens nothing.
  if (parsed_.tuple.protocol == kProtoTcp && !parsed_.IsBareSyn() && !opening.midstream) return Say(flow);
  flow.midstream = opening.midstream;
  if (opening.opener != side()) {
    flow.state = BH_FLOW_ESTABLISHED;
    flow.heard = true;
  }
  tables_.ledger.Count(BH_COUNTER_FLOWS_CREATED);
  if (flow.midstream) tables_.ledger.Count(BH_COUNTER_MIDSTREAM);
  if (!flow.linked) {
    tables_.ledger.EdgeFlow(EdgeOf(flow), EndsOf(flow, opening.question), tables_.now);
    tables_.ledger.RulesJudged(flow.ruling);
    AskStaged(opening.question, flow);
  }
  Flow& entry = tables_.flows.Create(key_);
  entry = flow;
  CountPacket(entry);
  return Say(entry);
}

Outcome Judge::Reconsider(Flow& flow, const Question& question) {
  tables_.ledger.Count(BH_COUNTER_FLOWS_REVALIDATED);
  Flow refreshed = flow;
  refreshed.ruling = Ask(question);
  Refresh(refreshed);
  NoteOutside(&refreshed);
  if (refreshed.ruling.verdict == Verdict::kDeny) {
    // It stays, with a stamp that never holds: without it nobody would know who opened the flow.
    if (flow.ruling.verdict != Verdict::kDeny) tables_.ledger.Count(BH_COUNTER_FLOWS_REVOKED);
    flow.ruling = refreshed.ruling;
    flow.stamp = ~tables_.stamp;
    refreshed.service_port = question.port;  // what was asked now, not when the entry was made
    return Deny(refreshed, question);
  }
  flow = refreshed;
  refreshed.service_port = question.port;
  if (!flow.linked) AskStaged(question, refreshed);
  CountPacket(flow);
  return Say(flow);
}

Ruling Judge::Ask(const Question& question) const {
  return AskIn(*tables_.policy, question.opener.subject, question.responder.subject, question);
}

Ruling Judge::AskIn(const CompiledPolicy& policy, SubjectId opener, SubjectId responder, const Question& question) const {
  const EndpointState* from = tables_.directory.AtSlot(question.opener.slot);
  const EndpointState* to = tables_.directory.AtSlot(question.responder.slot);
  if (from != nullptr && to != nullptr && from->workload == to->workload && from->workload != 0) {
    return RuleOfSelf(policy, opener, responder);
  }
  return Rule(policy, opener, responder, parsed_.tuple.protocol, question.port);
}

void Judge::AskStaged(const Question& question, const Flow& flow) {
  if (tables_.staged == nullptr) return;
  const Ruling ruling = AskIn(*tables_.staged, question.opener.staged, question.responder.staged, question);
  const StagedEdgeKey key{EdgeOf(flow), ruling.verdict, ruling.source_rule, ruling.destination_rule};
  const Ends ends = EndsOf(flow, question);
  if (flow.ruling.verdict == Verdict::kDeny) {
    tables_.ledger.StagedDenied(key, ends, tables_.now);
  } else {
    tables_.ledger.StagedFlow(key, ends, tables_.now);
  }
}

Judge::Question Judge::Reversed(const Question& question, const Flow* flow) const {
  const Tuple& tuple = parsed_.tuple;
  const uint16_t source_port = HasPorts(tuple.protocol) ? tuple.source_port : uint16_t{0};
  const Service asked = tables_.directory.Published(packet_.zone, tuple.source, source_port, tuple.protocol);
  Question out;
  out.opener = ingress() ? OpenerBehind(flow) : question.responder;
  // An answer of known provenance comes from whom the opener asked; any other from who its tag says.
  const bool as_before = !ingress() && flow != nullptr && flow->slot[side()] == packet_.tag;
  out.responder = question.opener.slot != 0 && !as_before ? question.opener : asked.party;
  // What leaves here has the endpoint's own port, even under an address of the host's.
  out.port = flow != nullptr ? flow->service_port : ingress() ? source_port : asked.port;
  return out;
}

Party Judge::OpenerBehind(const Flow* flow) const {
  const Directory& directory = tables_.directory;
  const Tuple& tuple = parsed_.tuple;
  const uint16_t local = directory.Local(packet_.zone, tuple.destination);
  if (local != 0) return directory.Workload(local, tuple.destination);
  const uint16_t tag = flow != nullptr ? flow->slot[flow->opener] : uint16_t{0};
  if (tag != 0) return directory.Tagged(packet_.zone, tag, tuple.destination);
  const bool proxy = tables_.proxy_is_world && directory.IsHost(tuple.destination) &&
                     directory.IsTarget(packet_.zone, tuple.source, tuple.source_port, tuple.protocol);
  return proxy ? directory.Outside(tuple.destination) : directory.Destination(packet_.zone, tuple.destination);
}

uint16_t Judge::ServicePort() const { return HasPorts(parsed_.tuple.protocol) ? parsed_.tuple.destination_port : uint16_t{0}; }

Party Judge::OwnParty(const IpAddress& address) const {
  const Directory& directory = tables_.directory;
  const bool own = directory.Holder(endpoint_->zone, address) == endpoint_->slot;
  return own ? directory.Workload(endpoint_->slot, address) : directory.Endpoint(endpoint_->slot, address.family);
}

}  // namespace bulkhead::reference

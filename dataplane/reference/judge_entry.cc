// SPDX-License-Identifier: Apache-2.0
// The second half of Judge: what a judgement leaves behind. Entries, counts, edges, events.
#include <algorithm>

#include "dataplane/reference/judge.h"

namespace bulkhead::reference {

Flow Judge::Candidate(const Ruling& ruling, uint16_t port, int opener) const {
  Flow flow;
  flow.opener = opener;
  flow.ruling = ruling;
  flow.service_port = port;
  flow.linked = !ingress() && packet_.tag != 0;
  flow.last_seen = tables_.tick;
  flow.first_seen = tables_.now;
  Refresh(flow);
  NoteOutside(&flow);
  return flow;
}

// What this hook knows for sure of both sides. The other hook may have found more: that stays.
void Judge::RefreshPlaces(Flow& flow) const {
  const Directory& directory = tables_.directory;
  const int sender = side();
  const int own = ingress() ? sender : 1 - sender;
  flow.stamp = tables_.stamp;
  flow.ifindex[own] = packet_.ifindex;
  flow.slot[own] = endpoint_->slot;
  if (ingress()) {
    const uint16_t peer = directory.Local(packet_.zone, parsed_.tuple.destination);
    if (peer == 0 || parsed_.group) return;  // a group's packet is for whoever reads it
    flow.ifindex[1 - sender] = directory.AtSlot(peer)->ifindex;
    flow.slot[1 - sender] = peer;
    return;
  }
  const EndpointState* tagged = directory.AtSlot(packet_.tag);
  const uint32_t ifindex = tagged == nullptr ? 0 : tagged->ifindex;
  const bool own_address = packet_.tag != 0 && directory.Local(packet_.zone, parsed_.tuple.source) == packet_.tag;
  if (own_address) {
    flow.ifindex[sender] = ifindex;
  } else if (flow.ifindex[sender] != ifindex) {
    flow.ifindex[sender] = 0;
  }
  flow.slot[sender] = packet_.tag;
}

void Judge::Refresh(Flow& flow) const {
  RefreshPlaces(flow);
  for (const int which : {0, 1}) {
    const EndpointState* endpoint = flow.ifindex[which] == 0 ? nullptr : tables_.directory.AtSlot(flow.slot[which]);
    flow.mac[which] = endpoint == nullptr || !endpoint->bound ? 0 : EndOf(endpoint->mac);
  }
}

// The first hook that sees a packet counts it: ingress, or egress for what came through no workload's ingress.
void Judge::CountPacket(Flow& flow) {
  const int sender = side();
  if (!ingress() && flow.ifindex[sender] != 0) return;
  const EdgeKey edge = EdgeOf(flow);
  const Ends ends{flow.ifindex[flow.opener], flow.ifindex[flow.responder()]};
  const Counted counted = Count(flow, sender, parsed_, packet_.bytes.size(), tables_.tick);
  if (counted.accepts && flow.ifindex[sender] == 0) flow.slot[sender] = packet_.tag;
  if (!counted.answers) return;
  tables_.ledger.Count(BH_COUNTER_FLOWS_ANSWERED);
  if (!flow.linked) tables_.ledger.EdgeAnswered(edge, ends, tables_.now);
}

bool Judge::IsOutside(const Flow& flow, int which) const {
  const IdentityId identity = which == flow.opener ? flow.ruling.source : flow.ruling.destination;
  const bool here = flow.ifindex[which] != 0 || flow.slot[which] != 0;
  return identity == kIdentityWorld || (identity == kIdentityUnknown && !here);
}

void Judge::NoteOutside(Flow* flow) const {
  flow->outside = IsOutside(*flow, flow->opener) ? flow->opener : IsOutside(*flow, flow->responder()) ? flow->responder() : -1;
}

EdgeKey Judge::EdgeOf(const Flow& flow) const {
  EdgeKey edge;
  edge.source = flow.ruling.source;
  edge.destination = flow.ruling.destination;
  edge.port = flow.service_port;
  edge.protocol = key_.protocol == kProtoIcmp6 ? kProtoIcmp : key_.protocol;
  edge.verdict = flow.ruling.verdict;
  if (flow.outside >= 0) edge.peer = key_.address[flow.outside];
  return edge;
}

Ends Judge::EndsOf(const Flow& flow, const Question& question) const {
  const auto interface = [&](int which, const Party& party) {
    const EndpointState* endpoint = tables_.directory.AtSlot(party.slot);
    return endpoint == nullptr || flow.outside == which ? 0u : endpoint->ifindex;
  };
  return {interface(flow.opener, question.opener), interface(flow.responder(), question.responder)};
}

Outcome Judge::Pass() {
  tables_.ledger.Count(BH_REASON_NONE, Verdict::kAllow);
  Outcome outcome;
  outcome.tag = ingress() ? endpoint_->slot : packet_.tag;
  return outcome;
}

// Packets that no policy speaks of: dropped if any side that is known enforces.
Outcome Judge::Refuse(bh_reason reason) {
  Outcome outcome;
  outcome.reason = reason;
  outcome.pass = !Enforced();
  outcome.verdict = outcome.pass ? Verdict::kWouldDeny : Verdict::kDeny;
  outcome.tag = !ingress() ? packet_.tag : endpoint_ == nullptr ? uint16_t{0} : endpoint_->slot;
  tables_.ledger.Count(reason, outcome.verdict);
  tables_.ledger.Report(Event(reason, outcome.verdict));
  return outcome;
}

// What is forged may pass because its sender does not enforce, but not as that sender's.
Outcome Judge::RefuseForged(bh_reason reason) {
  Outcome outcome = Refuse(reason);
  if (ingress()) outcome.tag = BH_TAG_REFUSED;
  return outcome;
}

bool Judge::Enforced() const {
  const CompiledPolicy& policy = *tables_.policy;
  bool known = false, enforced = false;
  const auto ask = [&](const EndpointState* endpoint) {
    if (endpoint == nullptr || !endpoint->bound) return;
    known = true;
    const Party party = tables_.directory.Endpoint(endpoint->slot, parsed_.ip ? parsed_.tuple.source.family : 4);
    enforced |= ModeOf(policy, party.subject) == Mode::kEnforce;
  };
  ask(endpoint_);
  if (!ingress() && packet_.tag != 0) ask(tables_.directory.AtSlot(packet_.tag));
  return known ? enforced : policy.global_mode == Mode::kEnforce;
}

Outcome Judge::Say(const Flow& flow) {
  Outcome outcome;
  outcome.verdict = flow.ruling.verdict;
  outcome.pass = outcome.verdict != Verdict::kDeny;
  outcome.reason = outcome.verdict == Verdict::kAllow ? BH_REASON_NONE : BH_REASON_POLICY;
  outcome.tag = ingress() ? endpoint_->slot : packet_.tag;
  outcome.source_identity = flow.ruling.source;
  outcome.destination_identity = flow.ruling.destination;
  outcome.source_rule = flow.ruling.source_rule;
  outcome.destination_rule = flow.ruling.destination_rule;
  tables_.ledger.Count(outcome.reason, outcome.verdict);
  if (outcome.verdict == Verdict::kAllow) return outcome;

  bh_event event = Event(BH_REASON_POLICY, outcome.verdict);
  if (flow.opener != side()) {
    std::swap(event.source, event.destination);
    std::swap(event.source_port, event.destination_port);
  }
  event.source_identity = flow.ruling.source;
  event.destination_identity = flow.ruling.destination;
  event.source_rule = flow.ruling.source_rule;
  event.destination_rule = flow.ruling.destination_rule;
  event.source_slot = flow.slot[flow.opener];
  event.destination_slot = flow.slot[flow.responder()];
  tables_.ledger.Report(event);
  return outcome;
}

Outcome Judge::Deny(const Flow& flow, const Question& question) {
  tables_.ledger.EdgeDenied(EdgeOf(flow), EndsOf(flow, question), tables_.now);
  tables_.ledger.RulesJudged(flow.ruling);
  AskStaged(question, flow);
  return Say(flow);
}

bh_event Judge::Event(bh_reason reason, Verdict verdict) const {
  bh_event event = {};
  event.time = tables_.now;
  event.stamp = tables_.stamp;
  event.ifindex = packet_.ifindex;
  event.length = static_cast<uint32_t>(packet_.bytes.size());
  event.zone = packet_.zone;
  event.ethertype = parsed_.ethertype;
  event.verdict = static_cast<uint8_t>(verdict);
  event.reason = static_cast<uint8_t>(reason);
  event.hook = static_cast<uint8_t>(packet_.hook);
  event.tcp_flags = parsed_.tcp_flags;
  const uint16_t own = endpoint_ == nullptr ? uint16_t{0} : endpoint_->slot;
  event.source_slot = ingress() ? own : packet_.tag;
  event.destination_slot = ingress() ? uint16_t{0} : own;
  if (!parsed_.ip) return event;
  const Tuple& tuple = parsed_.tuple;
  std::copy(tuple.source.bytes.begin(), tuple.source.bytes.end(), event.source);
  std::copy(tuple.destination.bytes.begin(), tuple.destination.bytes.end(), event.destination);
  event.source_port = tuple.source_port;
  event.destination_port = tuple.destination_port;
  event.family = tuple.source.family;
  event.protocol = tuple.protocol;
  return event;
}

}  // namespace bulkhead::reference

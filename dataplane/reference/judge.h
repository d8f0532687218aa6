// SPDX-License-Identifier: Apache-2.0
// Judge: one packet, from the first byte to the verdict. The specification of the dataplane, as a program: every step is a
// function, in the order in which a packet meets them. Not thread-safe; made for one packet.
#ifndef BULKHEAD_DATAPLANE_REFERENCE_JUDGE_H_
#define BULKHEAD_DATAPLANE_REFERENCE_JUDGE_H_

#include <map>
#include <optional>

#include "dataplane/reference/directory.h"
#include "dataplane/reference/flow_table.h"
#include "dataplane/reference/ledger.h"
#include "dataplane/reference/packet.h"
#include "dataplane/reference/parse.h"
#include "dataplane/reference/verdict.h"

namespace bulkhead::reference {

// So many in each tick.
struct Limit {
  uint32_t per_tick = 0, tick = 0, used = 0;

  bool Take(uint32_t now) {
    if (tick != now) used = 0;
    tick = now;
    return used < per_tick && ++used > 0;
  }
};

// What the first fragment of a packet said. Of several, the last one's tuple, and the end of the longest: the receiver may have
// kept any of them.
struct FirstFragment {
  Tuple tuple;
  uint32_t end = 0;   // bytes, within the packet put together
  uint64_t seen = 0;  // ns
};

// What a judgement reads and writes.
struct Tables {
  const CompiledPolicy* policy = nullptr;
  const CompiledPolicy* staged = nullptr;  // judges beside it and decides nothing; null: there is none
  Directory directory;
  FlowTable flows;
  std::map<FragmentKey, FirstFragment> fragments;
  Ledger ledger;
  Limit midstream_limit;
  bool proxy_is_world = true;
  uint32_t stamp = 0;
  uint32_t tick = 0;
  uint64_t now = 0;  // ns
};

class Judge {
 public:
  Judge(Tables& tables, const Packet& packet);

  Outcome Run();

 private:
  // What policy is asked: may the opener reach the responder at this port?
  struct Question {
    Party opener, responder;
    uint16_t port = 0;
  };

  // Of the packet that this is a fragment of; null unless it was seen lately.
  const FirstFragment* First() const;
  // A later fragment is what its first one was, but may not lie over it.
  bh_reason FindPorts();
  void RememberPorts();
  Outcome Decide();

  // The flow table alone: nullopt sends the packet on to be judged.
  std::optional<Outcome> Established();
  // A DNS answer that the workload has asked for.
  void KeepAnswer();
  Outcome AtIngress();
  Outcome AtEgress();
  // Neighbour discovery and reports of listeners are delivered without policy, when they come from the link, to whom they are for.
  Outcome AmongNeighbours();
  // The host sent it. Fragments of what it forwards look the same, but for the socket.
  bool IsMadeHere() const;

  // Who sent what is delivered here; nullopt: it only says so.
  std::optional<Party> SenderAtEgress() const;
  bool IsForThisEndpoint() const;
  bool AnswersWithOtherProvenance(const Flow& flow) const;

  Outcome JudgeIcmpError();
  Outcome JudgeGroup(const Question& question);
  Outcome JudgeFlow(const Question& question);
  // A flow that has no entry, or whose tuple is used anew.
  Outcome Open(const Question& question);
  // An entry that does not hold as it is: judged again in its own direction, kept or revoked.
  Outcome Reconsider(Flow& flow, const Question& question);

  // Which end opened a flow that has no entry, and what policy says of it.
  struct Opening {
    Ruling ruling;
    Question question;
    int opener = 0;
    bool midstream = false;  // and found in the middle, to be taken up there
  };
  Opening OpeningOf(const Question& question) const;

  Ruling Ask(const Question& question) const;
  Ruling AskIn(const CompiledPolicy& policy, SubjectId opener, SubjectId responder, const Question& question) const;
  // Asks the staged policy as well, and counts what it says. flow: as the active one has it.
  void AskStaged(const Question& question, const Flow& flow);
  // The question of the flow that this packet answers; flow: its entry, null if there is none.
  Question Reversed(const Question& question, const Flow* flow) const;
  Party OpenerBehind(const Flow* flow) const;
  uint16_t ServicePort() const;

  Flow Candidate(const Ruling& ruling, uint16_t port, int opener) const;
  void Refresh(Flow& flow) const;
  void RefreshPlaces(Flow& flow) const;
  void CountPacket(Flow& flow);
  bool IsOutside(const Flow& flow, int which) const;
  void NoteOutside(Flow* flow) const;
  EdgeKey EdgeOf(const Flow& flow) const;
  // Who stands behind the question of that flow.
  Ends EndsOf(const Flow& flow, const Question& question) const;

  Outcome Pass();
  Outcome Refuse(bh_reason reason);
  Outcome RefuseForged(bh_reason reason);
  bool Enforced() const;
  // Counter and event of what policy said, and the outcome.
  Outcome Say(const Flow& flow);
  Outcome Deny(const Flow& flow, const Question& question);
  bh_event Event(bh_reason reason, Verdict verdict) const;

  Party OwnParty(const IpAddress& address) const;
  bool ingress() const { return packet_.hook == BH_HOOK_INGRESS; }
  int side() const { return SenderSide(parsed_.tuple); }

  Tables& tables_;
  const Packet& packet_;
  Parsed parsed_;
  FlowKey key_;  // valid for Kind::kFlow
  const EndpointState* endpoint_;
};

}  // namespace bulkhead::reference

#endif  // BULKHEAD_DATAPLANE_REFERENCE_JUDGE_H_

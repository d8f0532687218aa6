// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/events.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <limits>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/policy.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

constexpr const char* kReasonNames[] = BH_REASON_NAMES;
static_assert(std::size(kReasonNames) == BH_REASON_COUNT);
// In the order of enum bh_reason.
constexpr const char* kReasonTexts[] = {
    "it passed",
    "a rule of policy, or isolation without a rule that allows",
    "the source address is not the sender's",
    "the source MAC address is not the sender's",
    "the sender of an ARP packet is not the sender's own address",
    "a neighbour discovery packet claims what is not the sender's",
    "the frame came to a workload that it is not for",
    "a header is cut, or lies about a length",
    "neither IP nor ARP",
    "a VLAN tag from or to a workload",
    "a first fragment without all headers, or of what is never fragmented",
    "IPv6 extension headers: too many, or of an unknown kind",
    "an ICMP error or echo reply of no flow that is known and allowed",
    "ICMP that is neither echo nor an error",
    "a router advertisement or redirect from a workload",
    "a DHCP server's reply from a workload",
    "the flow table has no room",
    "nobody has said whose interface it is",
    "a table of the dataplane misses an entry",
    "a fragment whose first one did not pass, or too long ago",
    "a fragment that overlaps the first one",
    "the source is on the deny list of the uplinks"};
static_assert(std::size(kReasonTexts) == BH_REASON_COUNT);
constexpr std::chrono::milliseconds kEventsEvery(300);

struct EventQuery {
  std::string ns;
  std::optional<Verdict> verdict;
  std::string reason;
  uint64_t since_ms = 0;  // age; 0 = any
  uint64_t last = 0;      // 0 = all

  bool Wants(const EventRow& row) const {
    if (!ns.empty() && !IsPartyOf(row.from, ns) && !IsPartyOf(row.to, ns)) return false;
    if (verdict && row.verdict != VerdictName(*verdict)) return false;
    if (!reason.empty() && row.reason != reason) return false;
    return since_ms == 0 || row.age_ms <= since_ms;
  }
};

absl::StatusOr<EventQuery> ParseEventQuery(const Request& request) {
  EventQuery query;
  query.ns = request.Query(kNamespace);
  query.reason = request.Query(kReason);
  bool known = query.reason.empty();
  for (const char* name : kReasonNames) known = known || query.reason == name;
  if (!known) {
    std::string all;
    for (const char* name : kReasonNames) absl::StrAppend(&all, all.empty() ? "" : ", ", name);
    return absl::InvalidArgumentError(absl::StrCat("reason: found \"", query.reason, "\", expected one of ", all));
  }
  const absl::StatusOr<std::optional<Verdict>> verdict = QueryVerdict(request);
  if (!verdict.ok()) return verdict.status();
  query.verdict = *verdict;
  const absl::StatusOr<uint64_t> since = QueryNumber(request, kSince, 0, std::numeric_limits<uint32_t>::max(), 0);
  if (!since.ok()) return since.status();
  query.since_ms = *since * 1000;
  const absl::StatusOr<uint64_t> last = QueryNumber(request, kLast, 1, kMaxLast, 0);
  if (!last.ok()) return last.status();
  query.last = *last;
  return query;
}

IpAddress AddressOf(uint8_t family, const uint8_t (&bytes)[16]) {
  IpAddress address;
  address.family = family == BH_V6 ? 6 : 4;
  std::memcpy(address.bytes.data(), bytes, address.IsV4() ? 4 : 16);
  return address;
}

// The events after *sequence that the query wants, oldest first; *sequence moves on.
uint64_t WriteEvents(const Context& context, const EventQuery& query, uint64_t* sequence, LinePipe& pipe) {
  const Names names(context.service->GetView());
  const Moment now = Moment::Now();
  uint64_t written = 0;
  std::deque<std::string> newest;
  *sequence = context.service->ReadEvents(*sequence, [&](uint64_t number, const bh_event& event) {
    const EventRow row = MakeEventRow(names, number, event, now);
    if (!query.Wants(row)) return true;
    ++written;
    if (query.last == 0) return pipe.Write(DumpJson(ToJson(row)));
    newest.push_back(DumpJson(ToJson(row)));
    if (newest.size() > query.last) newest.pop_front();
    return true;
  });
  for (const std::string& line : newest) {
    if (!pipe.Write(line)) break;
  }
  return written;
}

// No policy was asked, so that the event names nobody. Who sent it is known by its slot, never by the address that it claims, unless
// the packet passed: an entry vouches for it then.
void NameEndsOfUnjudged(const Names& names, const bh_event& event, EventRow& row) {
  const Workload* sender = names.FindWorkload(event.source_slot);
  if (sender == nullptr && event.family != 0 && event.verdict == BH_ALLOW) sender = names.FindWorkload(AddressOf(event.family, event.source));
  const Workload* receiver = names.FindWorkload(event.destination_slot);
  if (receiver == nullptr && event.family != 0) receiver = names.FindWorkload(AddressOf(event.family, event.destination));
  const auto name = [](const Workload* workload, std::string& party, std::string& replica) {
    if (workload != nullptr) party = PartyName(workload->ns, workload->service);
    replica = workload == nullptr ? "" : WorkloadNameOf(*workload);
  };
  name(sender, row.from, row.from_workload);
  name(receiver, row.to, row.to_workload);
}

}  // namespace

const char* ReasonName(unsigned reason) { return reason < BH_REASON_COUNT ? kReasonNames[reason] : "unknown"; }

const char* ReasonText(unsigned reason) { return reason < BH_REASON_COUNT ? kReasonTexts[reason] : "unknown"; }

EventRow MakeEventRow(const Names& names, uint64_t sequence, const bh_event& event, const Moment& now) {
  EventRow row;
  row.sequence = sequence;
  row.age_ms = AgeMs(now.monotonic_ns, event.time);
  row.time_unix_ms = now.unix_ms - row.age_ms;
  row.from = names.Party(event.source_identity);
  row.to = names.Party(event.destination_identity);
  if (event.family != 0) {
    const IpAddress source = AddressOf(event.family, event.source);
    const IpAddress destination = AddressOf(event.family, event.destination);
    row.from_workload = names.WorkloadName(event.source_slot, source);
    row.to_workload = names.WorkloadName(event.destination_slot, destination);
    row.from_address = source.ToString();
    row.to_address = destination.ToString();
    row.from_port = event.source_port;
    row.to_port = event.destination_port;
    row.protocol = ProtocolName(event.protocol);
  }
  row.ethertype = event.ethertype;
  const Verdict verdict = static_cast<Verdict>(std::min<uint8_t>(event.verdict, BH_WOULD_DENY));
  row.verdict = VerdictName(verdict);
  row.reason = verdict == Verdict::kAllow ? "" : ReasonName(event.reason);
  row.hook = event.hook == BH_HOOK_INGRESS ? "ingress" : event.hook == BH_HOOK_EGRESS ? "egress" : "uplink";
  row.ifindex = event.ifindex;
  row.length = event.length;
  if (event.reason == BH_REASON_POLICY || (verdict == Verdict::kAllow && event.source_rule != 0)) {
    row.rule = names.DecidingRule(event.source_rule, event.destination_rule, verdict);
    row.egress_rule = names.RuleKey(event.source_rule);
    row.ingress_rule = names.RuleKey(event.destination_rule);
  } else {
    NameEndsOfUnjudged(names, event, row);
  }
  return row;
}

FlowRow FlowOfEvent(const EventRow& event) {
  FlowRow row;
  row.source = "event";
  row.from = event.from;
  row.to = event.to;
  row.from_workload = event.from_workload;
  row.to_workload = event.to_workload;
  row.from_address = event.from_address;
  row.to_address = event.to_address;
  row.from_port = event.from_port;
  row.to_port = event.to_port;
  row.protocol = event.protocol;
  row.port = event.to_port;
  row.verdict = event.verdict;
  row.packets_to = 1;
  row.bytes_to = event.length;
  row.age_ms = row.idle_ms = event.age_ms;
  row.rule = event.rule;
  row.egress_rule = event.egress_rule;
  row.ingress_rule = event.ingress_rule;
  row.reason = event.reason;
  return row;
}

absl::StatusOr<Response> GetEvents(const Context& context, const Request& request) {
  absl::StatusOr<EventQuery> query = ParseEventQuery(request);
  if (!query.ok()) return query.status();
  Response response;
  response.lines = [context, query = *query, follow = request.Query(kFollow) == "1"](LinePipe& pipe) mutable -> absl::Status {
    uint64_t sequence = 0;
    WriteEvents(context, query, &sequence, pipe);
    if (!follow) return absl::OkStatus();
    query.since_ms = query.last = 0;  // what comes from now on is new
    return Follow(pipe, kEventsEvery, [&]() -> absl::StatusOr<uint64_t> { return WriteEvents(context, query, &sequence, pipe); });
  };
  return response;
}

}  // namespace bulkhead::api

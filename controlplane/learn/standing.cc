// SPDX-License-Identifier: Apache-2.0
// The words for standings and relations.
#include "absl/strings/str_cat.h"
#include "controlplane/learn/rules.h"
#include "controlplane/learn/sift.h"

namespace bulkhead::learn {
namespace {

std::string SideText(const Node& node) {
  switch (node.kind) {
    case PartyKind::kUnknown:
      return "unknown";
    case PartyKind::kHost:
      return "host";
    case PartyKind::kWorld:
      return "world";
    case PartyKind::kService:
      return NodeText(node);
  }
  return "?";
}

}  // namespace

const char* StandingReason(Standing standing) {
  switch (standing) {
    case Standing::kSupports:
      return "supports a rule";
    case Standing::kNeedsNoRule:
      return "permitted without a rule";
    case Standing::kDenied:
      return "denied by policy, or would be";
    case Standing::kSingle:
      return "answered once only";
    case Standing::kSeldom:
      return "seen too seldom";
    case Standing::kClustered:
      return "one workload, one episode";
    case Standing::kBurst:
      return "one workload used several such at once";
    case Standing::kDeviant:
      return "one workload alone has several such";
    case Standing::kOverCap:
      return "too many new ones in one day";
    case Standing::kQuarantined:
      return "seen only while the source scanned";
    case Standing::kUndecided:
      return "whose port that is could not be decided";
    case Standing::kUnanswered:
      return "never answered";
    case Standing::kRejected:
      return "rejected";
    case Standing::kClientPort:
      return "one of several high ports, like a client's";
    case Standing::kUnknownPeer:
      return "the peer is not known";
    case Standing::kNoPort:
      return "a NetworkPolicy cannot name this protocol";
    case Standing::kNoName:
      return "a NetworkPolicy cannot name this service";
  }
  return "?";
}

const char* WaitingReason(const Relation& relation) {
  return IsKnownButCut(relation) ? "known, but the policy in force would deny it" : StandingReason(relation.standing);
}

bool InScope(std::string_view scope, const Node& node) {
  if (!node.IsService()) return false;
  return scope.empty() || scope == node.ns || scope == node.ns + "/" + node.service;
}

absl::Status NothingSeen(std::string_view scope) {
  return absl::NotFoundError(absl::StrCat("no traffic of ", scope.empty() ? "any service" : Printable(scope), " has been seen"));
}

std::string RelationName(const Node& source, const Node& destination, uint8_t protocol, uint16_t port) {
  return absl::StrCat(SideText(source), "->", SideText(destination), ":", PortText(protocol, port));
}

}  // namespace bulkhead::learn

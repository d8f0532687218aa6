// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/dns.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/learn/rules.h"

namespace bulkhead::learn {
namespace {

constexpr char kLongAnswers[] = "not seen; for answers that do not fit the other protocol (RFC 7766)";
constexpr char kConfigured[] = "not seen; a configured resolver";
constexpr uint8_t kDnsProtocols[] = {kProtoUdp, kProtoTcp};

using Key = std::tuple<Node, Node, uint8_t>;
using ByKey = std::map<Key, Relation>;

// Whether more evidence would have made a rule of it; else somebody decided against it.
bool LacksEvidenceOnly(Standing standing) {
  return standing == Standing::kSingle || standing == Standing::kSeldom || standing == Standing::kUnanswered;
}

void Permit(const Node& source, const Node& destination, uint8_t protocol, const std::map<IpAddress, uint64_t>& peers,
            const std::set<IpAddress>& thin, const char* why, ByKey* relations) {
  const auto [at, added] = relations->try_emplace({source, destination, protocol});
  Relation& relation = at->second;
  if (added) {
    std::tie(relation.source, relation.destination) = std::pair(source, destination);
    std::tie(relation.protocol, relation.port) = std::pair(protocol, kDnsPort);
  }
  const bool seen = !added && relation.standing == Standing::kSupports;
  if (!added && !seen && !LacksEvidenceOnly(relation.standing)) return;
  if (!seen) {
    relation.assumed = why;
    // Its own were not proven, and are not by what is assumed.
    relation.set_aside_peers.merge(relation.peers);
    relation.peers.clear();
    relation.thin_peers.clear();
  }
  relation.standing = Standing::kSupports;
  for (const auto& [address, answered] : peers) {
    const bool fresh = relation.peers.try_emplace(address, 0).second;
    if (!thin.contains(address)) {
      relation.thin_peers.erase(address);
    } else if (fresh) {
      relation.thin_peers.insert(address);
    }
  }
}

// Who has this address here: a service, the host, or nobody.
Node OwnerOf(const IpAddress& address, const View& view) {
  for (const auto& [key, workload] : view.workloads) {
    if (workload.host_network) continue;
    for (const Endpoint& endpoint : workload.endpoints) {
      if (std::find(endpoint.addresses.begin(), endpoint.addresses.end(), address) == endpoint.addresses.end()) continue;
      return {PartyKind::kService, workload.ns, workload.service};
    }
  }
  const bool host = std::find(view.host_addresses.begin(), view.host_addresses.end(), address.ToString()) != view.host_addresses.end();
  return {host ? PartyKind::kHost : PartyKind::kWorld, "", ""};
}

}  // namespace

void AddResolvers(const View& view, const std::set<ServiceName>& services, std::vector<Relation>* relations) {
  ByKey dns;
  std::vector<Relation> out;
  for (Relation& relation : *relations) {
    const bool is_dns = relation.port == kDnsPort && (relation.protocol == kProtoUdp || relation.protocol == kProtoTcp);
    if (!is_dns) {
      out.push_back(std::move(relation));
      continue;
    }
    const Key key{relation.source, relation.destination, relation.protocol};
    dns.emplace(key, std::move(relation));
  }
  const ByKey seen = dns;
  for (const auto& [key, relation] : seen) {
    if (relation.standing != Standing::kSupports) continue;
    const uint8_t other = relation.protocol == kProtoUdp ? kProtoTcp : kProtoUdp;
    Permit(relation.source, relation.destination, other, relation.peers, relation.thin_peers, kLongAnswers, &dns);
  }
  for (const std::string& text : view.resolvers) {
    const auto address = IpAddress::Parse(text);
    if (!address) continue;
    const Node resolver = OwnerOf(*address, view);
    std::map<IpAddress, uint64_t> peers;
    if (resolver.kind == PartyKind::kWorld) peers[*address] = 0;
    for (const auto& [ns, service] : services) {
      const Node client{PartyKind::kService, ns, service};
      if (client == resolver) continue;
      for (const uint8_t protocol : kDnsProtocols) Permit(client, resolver, protocol, peers, {}, kConfigured, &dns);
    }
  }
  for (auto& [key, relation] : dns) out.push_back(std::move(relation));
  std::sort(out.begin(), out.end(), [](const Relation& a, const Relation& b) {
    return std::tie(a.source, a.destination, a.protocol, a.port) < std::tie(b.source, b.destination, b.protocol, b.port);
  });
  *relations = std::move(out);
}

std::vector<std::string> DnsText(const View& view) {
  std::vector<std::string> out = {"DNS: names are those seen in answers, and partial: an engine's own resolver (127.0.0.11) is asked inside"};
  std::string line = "the container. Port 53 is open to the resolvers that were seen";
  if (!view.resolvers.empty()) absl::StrAppend(&line, " or are configured (", absl::StrJoin(view.resolvers, ", "), ")");
  if (!view.resolver_hints.empty()) {
    absl::StrAppend(&line, "; the host itself asks ", Printable(absl::StrJoin(view.resolver_hints, ", ")),
                    " (`resolvers` in the daemon's config)");
  }
  out.push_back(line + ".");
  return out;
}

}  // namespace bulkhead::learn

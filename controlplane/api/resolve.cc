// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/resolve.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/api/names.h"

namespace bulkhead::api {
namespace {

constexpr size_t kMinIdPrefix = 4;
constexpr size_t kMaxCandidates = 8;

absl::Status Ambiguous(const std::string& text, std::set<std::string> names) {
  const bool more = names.size() > kMaxCandidates;
  while (names.size() > kMaxCandidates) names.erase(std::prev(names.end()));
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" could be ", absl::StrJoin(names, ", "), more ? ", ..." : ""));
}

bool HasAddress(const Workload& workload, const IpAddress& address) {
  return std::any_of(workload.endpoints.begin(), workload.endpoints.end(), [&address](const Endpoint& endpoint) {
    return std::find(endpoint.addresses.begin(), endpoint.addresses.end(), address) != endpoint.addresses.end();
  });
}

absl::StatusOr<Resolved> ResolveAddress(const View& view, const IpAddress& address, const std::string& text) {
  Resolved out;
  out.address = address;
  std::set<std::string> names;
  for (const auto& [key, workload] : view.workloads) {
    if (workload.host_network || !workload.via.empty() || !HasAddress(workload, address)) continue;
    out.workloads.push_back(&workload);
    names.insert(WorkloadNameOf(workload));
  }
  if (out.workloads.size() > 1) return Ambiguous(text, std::move(names));
  if (out.workloads.size() == 1) {
    out.kind = Resolved::Kind::kWorkloads;
  } else if (std::find(view.host_addresses.begin(), view.host_addresses.end(), address.ToString()) != view.host_addresses.end()) {
    out.kind = Resolved::Kind::kHost;
  }
  return out;
}

// Those of one kind of match, by the name that tells them apart.
using NamedThings = std::map<std::string, std::vector<const Workload*>>;

}  // namespace

absl::StatusOr<Resolved> Resolve(const View& view, const std::string& text, const std::string& ns) {
  if (text == "host") return Resolved{Resolved::Kind::kHost, {}, std::nullopt};
  if (text == "world") return Resolved{Resolved::Kind::kWorld, {}, std::nullopt};
  if (const std::optional<IpAddress> address = IpAddress::Parse(text)) return ResolveAddress(view, *address, text);
  const size_t slash = text.find('/');
  const std::string in = slash == std::string::npos ? ns : text.substr(0, slash);
  const std::string name = slash == std::string::npos ? text : text.substr(slash + 1);
  NamedThings services, workloads, ids;
  for (const auto& [key, workload] : view.workloads) {
    if (!in.empty() && workload.ns != in) continue;
    if (workload.service == name) services[workload.ns + "/" + name].push_back(&workload);
    if (workload.name == name) workloads[WorkloadNameOf(workload)].push_back(&workload);
    if (name.size() >= kMinIdPrefix && workload.id.starts_with(name))
      ids[workload.runtime + "/" + workload.id].push_back(&workload);
  }
  for (NamedThings* matches : {&services, &workloads, &ids}) {
    if (matches->empty()) continue;
    if (matches->size() == 1) return Resolved{Resolved::Kind::kWorkloads, std::move(matches->begin()->second), std::nullopt};
    std::set<std::string> names;
    for (const auto& [candidate, members] : *matches) names.insert(candidate);
    return Ambiguous(text, std::move(names));
  }
  return absl::NotFoundError(absl::StrCat("no service, workload or address \"", text, "\"", in.empty() ? "" : " in namespace " + in,
                                          " (expected NAMESPACE/SERVICE, a workload's name or id, an IP address, host or world)"));
}

}  // namespace bulkhead::api

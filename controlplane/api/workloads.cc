// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "bulkhead/api/wire.h"
#include "controlplane/api/lines.h"
#include "controlplane/api/protection.h"
#include "controlplane/api/resources.h"

namespace bulkhead::api {
namespace {

WorkloadRow MakeRow(const View& view, const Workload& workload, const Protection& protection) {
  WorkloadRow row;
  row.ns = workload.ns;
  row.name = workload.name;
  row.service = workload.service;
  row.runtime = workload.runtime;
  row.id = workload.id;
  row.mode = ModeName(view.modes.Of(workload.ns, workload.service));
  row.state = protection.state;
  row.reason = protection.reason;
  row.identity = workload.identity;
  row.image = workload.image;
  row.image_digest = workload.image_digest;
  for (const Endpoint& endpoint : workload.endpoints) {
    for (const IpAddress& address : endpoint.addresses) row.addresses.push_back(address.ToString());
    row.networks.push_back(endpoint.network);
    row.interfaces.push_back(endpoint.ifname);
  }
  for (const PublishedPort& port : workload.published) {
    const std::string host = port.host_address.IsUnspecified() ? "" : port.host_address.ToString() + ":";
    row.published.push_back(absl::StrCat(host, port.host_port, "->", port.container_port, "/", ProtocolName(port.protocol)));
  }
  for (const NamedPort& port : workload.named_ports) {
    row.ports.push_back(absl::StrCat(port.name, "=", port.port, "/", ProtocolName(port.protocol)));
  }
  row.via = workload.via;
  row.labels = workload.labels;
  return row;
}

}  // namespace

absl::StatusOr<Response> GetWorkloads(const Context& context, const Request& request) {
  const std::shared_ptr<const View> view = context.service->GetView();
  const std::string ns = request.Query(kNamespace);
  const std::map<std::string, Protection> protection = ProtectionOf(*view);
  std::map<std::pair<std::string, std::string>, std::vector<WorkloadRow>> sorted;  // by namespace and name
  for (const auto& [key, workload] : view->workloads) {
    if (ns.empty() || workload.ns == ns)
      sorted[{workload.ns, workload.name}].push_back(MakeRow(*view, workload, protection.at(key)));
  }
  std::vector<WorkloadRow> rows;
  for (auto& [name, same] : sorted) std::move(same.begin(), same.end(), std::back_inserter(rows));
  return LinesResponse(std::move(rows));
}

}  // namespace bulkhead::api

// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/policy/offline.h"
#include "controlplane/policy/probes.h"

namespace bulkhead {

absl::StatusOr<std::vector<ProbeResult>> RunProbes(const Inventory& inventory, const PolicyDocuments& documents,
                                                   const std::vector<Probe>& probes, const PolicyOptions& options) {
  const OfflineWorld world(inventory);
  std::vector<std::string> errors;
  const auto find = [&](const std::string& name, const SourcePos& pos) {
    std::optional<End> end = world.Find(name);
    if (!end && errors.size() < yaml::kMaxErrors) {
      const std::string nearest = world.Nearest(name);
      errors.push_back(absl::StrCat(pos.ToString(), ": found ", yaml::Quote(name), ", expected a workload of the inventory",
                                    nearest.empty() ? "" : absl::StrCat(" (did you mean ", nearest, "?)")));
    }
    return end;
  };
  std::vector<std::pair<std::optional<End>, std::optional<End>>> ends;
  for (const Probe& probe : probes) {
    std::optional<End> from = find(probe.from, probe.from_pos);
    ends.emplace_back(std::move(from), find(probe.to, probe.to_pos));
  }
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));

  const auto policy = Compile(world.Input(std::make_shared<PolicyDocuments>(documents), options));
  if (!policy.ok()) return policy.status();
  std::vector<ProbeResult> results;
  for (size_t i = 0; i < probes.size(); ++i) {
    const Connection connection = OfflineWorld::Connect(*ends[i].first, *ends[i].second, probes[i].protocol, probes[i].port);
    results.push_back({AskCompiled(*policy, connection), Evaluate(world.Ask(documents, options, connection))});
  }
  return results;
}

}  // namespace bulkhead

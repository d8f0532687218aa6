// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/diff_offline.h"

#include <utility>

#include "controlplane/api/diffed.h"
#include "controlplane/cli/offline_input.h"
#include "controlplane/identity/service_name.h"
#include "controlplane/policy/offline.h"

namespace bulkhead::cli {
namespace {

// By what ReadInventory gave every workload.
void NameServices(std::vector<KnownIdentity>* identities) {
  for (KnownIdentity& known : *identities) {
    const auto label = known.identity.labels.find(kServiceLabel);
    if (label != known.identity.labels.end()) known.identity.service = label->second;
  }
}

std::vector<Headcount> CountHeads(const OfflineWorld& world) {
  std::vector<Headcount> out(world.identities().size(), Headcount{0, false});
  for (const End& end : world.ends()) {
    if (end.workload == nullptr) continue;  // a node's traffic
    Headcount& heads = out[end.identity - kFirstIdentity];
    ++heads.workloads;
    heads.some_addressless = heads.some_addressless || end.addresses.empty();
  }
  return out;
}

}  // namespace

absl::StatusOr<api::Diff> DiffOffline(const OfflineDiff& wanted) {
  std::vector<std::string> errors;
  const Inventory inventory = ReadInventory(wanted.inventories, &errors);
  auto before = std::make_shared<PolicyDocuments>(ReadPolicies(wanted.before, &errors));
  auto after = std::make_shared<PolicyDocuments>(ReadPolicies(wanted.after, &errors));
  if (!ReportInput(inventory, errors)) return absl::InvalidArgumentError("nothing was compared");
  const OfflineWorld world(inventory);
  CompileInput input = world.Input(std::move(before));
  NameServices(&input.identities);
  CompileInput changed = input;
  changed.documents = std::move(after);
  const absl::StatusOr<PolicyPair> pair = CompilePair(input, std::move(changed));
  if (!pair.ok()) return pair.status();
  const absl::StatusOr<PolicyDiff> diff = DiffPolicies(*pair, input, CountHeads(world), wanted.options);
  if (!diff.ok()) return diff.status();
  return api::MakeDiff(*diff);
}

}  // namespace bulkhead::cli

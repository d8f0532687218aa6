// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/offline_input.h"

#include <cstdio>
#include <iterator>
#include <utility>

#include "controlplane/cli/format.h"
#include "controlplane/identity/service_name.h"

namespace bulkhead::cli {
namespace {

void AddServiceLabels(Inventory* inventory) {
  for (InventoryWorkload& workload : inventory->workloads) {
    WorkloadReport report;
    report.name = workload.owner;
    report.ns = workload.ns;
    report.labels = workload.labels;
    const Naming naming = NameWorkload(report, true);
    if (const auto label = naming.labels.find(kServiceLabel); label != naming.labels.end()) workload.labels.insert(*label);
  }
}

}  // namespace

Inventory ReadInventory(const std::vector<std::string>& paths, std::vector<std::string>* errors) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::string& path : paths) {
    auto text = yaml::ReadFile(path, kInventoryLimits.bytes);
    if (text.ok()) {
      files.emplace_back(path, *std::move(text));
    } else {
      errors->emplace_back(text.status().message());
    }
  }
  Inventory inventory = ParseInventory(files, errors);
  AddServiceLabels(&inventory);
  return inventory;
}

PolicyDocuments ReadPolicies(const std::vector<std::string>& paths, std::vector<std::string>* errors) {
  std::vector<PolicyFile> all;
  for (const std::string& path : paths) {
    auto files = LoadPolicies(path);
    if (!files.ok()) {
      errors->emplace_back(files.status().message());
      continue;
    }
    std::move(files->begin(), files->end(), std::back_inserter(all));
  }
  RefuseDuplicates(&all);
  for (const PolicyFile& file : all) errors->insert(errors->end(), file.errors.begin(), file.errors.end());
  return JoinPolicies(all);
}

bool ReportInput(const Inventory& inventory, const std::vector<std::string>& errors) {
  for (const std::string& warning : inventory.warnings) std::fprintf(stderr, "%s\n", Printable(warning).c_str());
  for (const std::string& error : errors) std::fprintf(stderr, "%s\n", Printable(error).c_str());
  return errors.empty();
}

}  // namespace bulkhead::cli

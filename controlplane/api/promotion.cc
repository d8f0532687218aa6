// SPDX-License-Identifier: Apache-2.0
#include "controlplane/api/promotion.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/api/selection.h"

namespace bulkhead::api {
namespace {

constexpr size_t kMaxNamed = 20;

using Images = std::set<std::string>;  // digests that run now

Modes After(Modes modes, const std::string& ns, const std::string& name, std::optional<Mode> mode) {
  if (!name.empty()) {
    if (mode) modes.services[{ns, name}] = *mode;
    if (!mode) modes.services.erase({ns, name});
  } else if (!ns.empty()) {
    // As the change itself does: what was set for one of its services is removed.
    if (mode) std::erase_if(modes.services, [&ns](const auto& set) { return set.first.first == ns; });
    if (mode) modes.namespaces[ns] = *mode;
    if (!mode) modes.namespaces.erase(ns);
  } else if (mode) {
    modes.global = *mode;
  }
  return modes;
}

// What no hook sees can be neither learned nor enforced, and what shares a namespace has its owner's identity.
bool IsLearned(const Workload& workload) {
  return !workload.host_network && !workload.no_network && workload.unprotected.empty() && workload.via.empty();
}

std::map<ServiceName, Images> Rising(const View& view, const std::string& ns, const std::string& name, std::optional<Mode> mode) {
  const Modes after = After(view.modes, ns, name, mode);
  const auto rises = [&](const ServiceName& service) {
    return after.Of(service.first, service.second) > view.modes.Of(service.first, service.second);
  };
  std::map<ServiceName, Images> out;
  for (const auto& [key, workload] : view.workloads) {
    const ServiceName service(workload.ns, workload.service);
    if (IsLearned(workload) && rises(service)) out[service].insert(workload.image_digest);
  }
  if (!name.empty() && rises({ns, name})) out.try_emplace({ns, name});
  return out;
}

std::string ImageText(const std::string& digest) {
  constexpr size_t kShort = 12;  // as engines print them
  return digest.empty() ? "" : absl::StrCat(" (image ", digest.substr(digest.find(':') + 1).substr(0, kShort), ")");
}

// Empty: ready.
std::vector<std::string> Missing(const ServiceName& service, const Images& images, const std::vector<Readiness>& rows) {
  std::map<std::string, const Readiness*> seen;
  const Readiness* latest = nullptr;
  for (const Readiness& row : rows) {
    if (row.ns != service.first || row.service != service.second) continue;
    seen[row.image_digest] = &row;
    if (latest == nullptr || row.last_seen >= latest->last_seen) latest = &row;
  }
  const std::string name = absl::StrCat(service.first, "/", service.second);
  std::vector<std::string> out;
  const auto add = [&](const Readiness& row) {
    if (!row.missing.empty())
      out.push_back(absl::StrCat(name, ImageText(row.image_digest), ": ", absl::StrJoin(row.missing, "; ")));
  };
  if (latest == nullptr) return {absl::StrCat(name, ": nothing of it was observed")};
  if (images.empty()) add(*latest);  // none runs now
  for (const std::string& image : images) {
    if (const auto at = seen.find(image); at != seen.end()) {
      add(*at->second);
    } else {
      out.push_back(absl::StrCat(name, ImageText(image), ": nothing of this image was observed"));
    }
  }
  return out;
}

absl::Status CheckReady(DaemonService* service, const std::map<ServiceName, Images>& rising, const std::string& scope) {
  if (rising.empty()) return absl::OkStatus();
  const absl::StatusOr<std::vector<Readiness>> rows = service->ReadReadiness(scope);
  if (!rows.ok() && !absl::IsNotFound(rows.status())) {
    return absl::FailedPreconditionError(absl::StrCat("whether it is ready cannot be told: ", std::string(rows.status().message()),
                                                      "; --force sets the mode anyway"));
  }
  std::vector<std::string> lines;
  for (const auto& [rises, images] : rising) {
    for (std::string& line : Missing(rises, images, rows.ok() ? *rows : std::vector<Readiness>{})) lines.push_back(std::move(line));
  }
  if (lines.empty()) return absl::OkStatus();
  const size_t all = lines.size();
  if (all > kMaxNamed) lines.resize(kMaxNamed);
  std::string text = absl::StrCat("not ready, nothing changed; --force sets the mode anyway\n", absl::StrJoin(lines, "\n"));
  if (all > kMaxNamed) absl::StrAppend(&text, "\nand ", all - kMaxNamed, " more: see bulkhead learn status");
  return absl::FailedPreconditionError(text);
}

}  // namespace

absl::Status CheckPromotion(DaemonService* service, const std::string& ns, const std::string& name, std::optional<Mode> mode) {
  return CheckReady(service, Rising(*service->GetView(), ns, name, mode), name.empty() ? ns : absl::StrCat(ns, "/", name));
}

absl::Status CheckPromotion(DaemonService* service, const std::vector<Policy>& policies, Mode mode) {
  const std::shared_ptr<const View> view = service->GetView();
  std::map<ServiceName, Images> rising;
  for (const auto& [key, workload] : view->workloads) {
    const bool selected =
        std::any_of(policies.begin(), policies.end(), [&](const Policy& policy) { return Selects(policy, workload); });
    const bool rises = mode > view->modes.Of(workload.ns, workload.service);
    if (selected && rises && IsLearned(workload)) rising[{workload.ns, workload.service}].insert(workload.image_digest);
  }
  return CheckReady(service, rising, "");
}

}  // namespace bulkhead::api

// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/effects.h"

#include <algorithm>
#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "controlplane/api/selection.h"

namespace bulkhead {
namespace {

std::string NameOf(const ServiceName& name) { return absl::StrCat(name.first, "/", name.second); }

template <class Map>
void Compare(const Map& before, const Map& after, const std::function<std::string(const typename Map::key_type&)>& name,
             std::vector<std::string>* out) {
  std::set<typename Map::key_type> keys;
  for (const auto& [key, mode] : before) keys.insert(key);
  for (const auto& [key, mode] : after) keys.insert(key);
  for (const auto& key : keys) {
    const auto old = before.find(key);
    const auto now = after.find(key);
    const std::string was = old == before.end() ? "inherited" : ModeName(old->second);
    const std::string is = now == after.end() ? "inherited" : ModeName(now->second);
    if (was != is) out->push_back(absl::StrCat("mode of ", name(key), ": ", was, " -> ", is));
  }
}

bool IsAmong(const Policy& policy, const std::vector<std::string>& refs) {
  return std::find(refs.begin(), refs.end(), PolicyRef(policy)) != refs.end();
}

}  // namespace

std::map<ServiceName, ServiceState> ServiceStates(const std::map<std::string, Workload>& workloads, const PolicyDocuments& documents,
                                                  const std::vector<std::string>& asked) {
  std::map<ServiceName, ServiceState> out;
  for (const auto& [key, workload] : workloads) {
    if (workload.host_network) continue;
    ServiceState& service = out[{workload.ns, workload.service}];
    ++service.workloads;
    bool ingress = false, egress = false;
    for (const Policy& policy : documents.policies) {
      if (!api::Selects(policy, workload)) continue;
      ingress |= api::Closes(policy, Direction::kIngress);
      egress |= api::Closes(policy, Direction::kEgress);
      if (IsAmong(policy, asked)) service.selected = true;
    }
    service.ingress_closed &= ingress;
    service.egress_closed &= egress;
  }
  return out;
}

std::vector<std::string> AuditNotes(const PolicyDocuments& documents, const std::vector<std::string>& asked) {
  std::vector<std::string> out;
  for (const Policy& policy : documents.policies) {
    if (!policy.audit || !IsAmong(policy, asked)) continue;
    out.push_back(absl::StrCat("policy ", PolicyRef(policy), " is in audit: what it denies passes, and is reported as would-deny"));
  }
  return out;
}

std::vector<std::string> NotEnforcedNotes(const std::map<ServiceName, ServiceState>& services, const Modes& modes) {
  std::vector<std::string> out;
  for (const auto& [name, service] : services) {
    if (!service.selected) continue;
    const Mode mode = modes.Of(name.first, name.second);
    if (mode == Mode::kAudit) {
      out.push_back(absl::StrCat(NameOf(name), " is in audit: what policy denies there passes, and is reported as would-deny"));
    } else if (mode == Mode::kLearn) {
      out.push_back(absl::StrCat(NameOf(name), " is in learn: what policy denies there passes, and is recorded"));
    }
  }
  return out;
}

std::vector<std::string> OpenNotes(const std::map<ServiceName, ServiceState>& services, const Modes& modes, const std::string& ns,
                                   const std::string& service) {
  std::vector<std::string> out;
  for (const auto& [name, state] : services) {
    if ((!ns.empty() && name.first != ns) || (!service.empty() && name.second != service)) continue;
    if (modes.Of(name.first, name.second) != Mode::kEnforce || (state.ingress_closed && state.egress_closed)) continue;
    const char* open = state.ingress_closed ? "egress" : state.egress_closed ? "ingress" : "ingress and egress";
    out.push_back(absl::StrCat(NameOf(name), ": no policy isolates its ", open, ", which stays open"));
  }
  if (!service.empty() && !services.contains({ns, service})) {
    out.push_back(absl::StrCat(ns, "/", service, " has no workload now; its mode holds from the first one on"));
  }
  return out;
}

std::vector<std::string> ModeChanges(const ModesFile& before, const ModesFile& after, Mode default_mode) {
  std::vector<std::string> out;
  const Mode was = before.global.value_or(default_mode);
  const Mode is = after.global.value_or(default_mode);
  if (was != is) out.push_back(absl::StrCat("global mode: ", ModeName(was), " -> ", ModeName(is)));
  Compare(before.namespaces, after.namespaces, [](const std::string& ns) { return absl::StrCat("namespace ", ns); }, &out);
  Compare(before.services, after.services, NameOf, &out);
  return out;
}

}  // namespace bulkhead

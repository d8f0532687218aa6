// SPDX-License-Identifier: Apache-2.0
// What a change means for services, in sentences: what is not enforced because of mode, what stays open for want of a policy.
//
// Thread safety: pure functions.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_EFFECTS_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_EFFECTS_H_

#include <map>
#include <string>
#include <vector>

#include "bulkhead/model/policy.h"
#include "bulkhead/model/workload.h"
#include "controlplane/api/view.h"
#include "controlplane/config/modes_file.h"

namespace bulkhead {

struct ServiceState {
  uint64_t workloads = 0;
  bool ingress_closed = true;  // of every workload: a NetworkPolicy isolates it, or a rule of a tier denies something there; audit not
  bool egress_closed = true;
  bool selected = false;  // some workload is selected by one of the policies asked about
};

// Services of the workloads that are protected or can be; host-network ones are never selected by policy and are left out.
// `asked`: policies (as PolicyRef) that `selected` is about.
std::map<ServiceName, ServiceState> ServiceStates(const std::map<std::string, Workload>& workloads, const PolicyDocuments& documents,
                                                  const std::vector<std::string>& asked);

// "policy shop/db is in audit: what it denies passes, and is reported"; of those asked about.
std::vector<std::string> AuditNotes(const PolicyDocuments& documents, const std::vector<std::string>& asked);

// "shop/db is in audit: what policy denies there is reported, and passes"
std::vector<std::string> NotEnforcedNotes(const std::map<ServiceName, ServiceState>& services, const Modes& modes);

// "shop/web: no policy isolates its egress, which stays open"; for services that enforce now and whose mode the change concerns.
std::vector<std::string> OpenNotes(const std::map<ServiceName, ServiceState>& services, const Modes& modes, const std::string& ns,
                                   const std::string& service);

// "mode of shop/db: learn -> enforce"
std::vector<std::string> ModeChanges(const ModesFile& before, const ModesFile& after, Mode default_mode);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_EFFECTS_H_

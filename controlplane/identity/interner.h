// SPDX-License-Identifier: Apache-2.0
// IdentityInterner: identities <-> dense numbers. A number, once given, means the same identity for ever: pinned maps and stored
// edges carry it.
//
// Thread safety: one thread (the control thread).
#ifndef BULKHEAD_CONTROLPLANE_IDENTITY_INTERNER_H_
#define BULKHEAD_CONTROLPLANE_IDENTITY_INTERNER_H_

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bulkhead/model/workload.h"

namespace bulkhead {

class IdentityInterner {
 public:
  // `known`: what was given out before, from the store. Ids below kFirstIdentity are ignored.
  explicit IdentityInterner(const std::vector<Identity>& known = {});

  // labels: SecurityLabels. named_ports: NamePorts. Always gives the same number for equal arguments.
  IdentityId Intern(const std::string& ns, const std::string& service, const Labels& labels, const std::string& image_digest,
                    const std::vector<NamedPort>& named_ports = {});

  // Numbers up to `last` are not given to anybody new: somebody may carry them, though nobody knows any more who had them.
  void Reserve(IdentityId last);

  // nullptr: never given out. Valid until the interner goes.
  const Identity* Find(IdentityId id) const;
  const std::unordered_map<IdentityId, Identity>& all() const { return identities_; }

  // Those given out since the last call: to be stored before the dataplane sees them.
  std::vector<Identity> TakeNew();

 private:
  static std::string KeyOf(const Identity& identity);

  std::unordered_map<std::string, IdentityId> ids_;
  std::unordered_map<IdentityId, Identity> identities_;
  std::vector<IdentityId> new_;
  IdentityId next_ = kFirstIdentity;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_IDENTITY_INTERNER_H_

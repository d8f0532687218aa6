// SPDX-License-Identifier: Apache-2.0
// NewImages: which image digests each service has run, and which identities are newcomers because theirs is new to a service that
// enforces. A service's first digests, and those that come while it learns or is audited, are no newcomers: what they do is seen
// without policy in the way. Remembered in the store, so that an image that changes while the daemon is down is found.
//
// Thread safety: one thread (the control thread).
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_NEW_IMAGES_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_NEW_IMAGES_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "controlplane/api/view.h"
#include "controlplane/config/config.h"
#include "controlplane/identity/interner.h"
#include "controlplane/inventory/inventory.h"
#include "controlplane/store/store.h"

namespace bulkhead {

// So many digests are remembered of one service; the oldest that no workload has give way.
inline constexpr size_t kMaxDigests = 64;
// So many services; of those that have no workload the one that showed nothing new for longest gives way. Its next image is its first.
inline constexpr size_t kMaxServices = 4096;

class NewImages {
 public:
  // Both must outlive it. grace: seconds.
  NewImages(Store* store, const IdentityInterner* interner, NewImage choice, uint64_t grace)
      : store_(store), interner_(interner), choice_(choice), grace_(grace) {}

  // What was remembered. kDataLoss, kInternal: nothing is, and every digest seen first is no newcomer.
  absl::Status Load();

  // Takes in who lives here. An error is of the store: the rest was done.
  absl::Status Sync(const std::map<IdentityId, std::set<IpAddress>>& identities, const Modes& modes, uint64_t unix_now);

  // By identity; those whose time is over are not among them.
  const std::map<IdentityId, NewcomerView>& newcomers() const { return newcomers_; }

 private:
  struct Digest {
    uint64_t since = 0, until = 0;  // Unix seconds; until 0: no newcomer
  };
  using Digests = std::map<std::string, Digest>;

  void ForgetServices(const std::map<ServiceName, std::set<std::string>>& live);
  bool Add(Digests* digests, const std::string& digest, bool first, Mode mode, uint64_t unix_now);
  absl::Status Save();

  Store* const store_;
  const IdentityInterner* const interner_;
  const NewImage choice_;
  const uint64_t grace_;
  std::map<ServiceName, Digests> services_;
  std::map<IdentityId, NewcomerView> newcomers_;
  bool unsaved_ = false;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_NEW_IMAGES_H_

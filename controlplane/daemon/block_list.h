// SPDX-License-Identifier: Apache-2.0
// BlockList: the deny list of the uplinks, as people gave it; kept in the store, over restarts.
//
// Thread safety: one thread (the control thread).
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_BLOCK_LIST_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_BLOCK_LIST_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/model/ip.h"
#include "controlplane/api/service.h"
#include "controlplane/store/store.h"
#include "dataplane/uplinks.h"

namespace bulkhead {

class BlockList {
 public:
  // Both must outlive it. Takes up what was blocked when the daemon ended; Tick brings it to the dataplane.
  BlockList(Store* store, Uplinks* uplinks);

  // seconds: how long; 0: until it is removed. A prefix that is blocked already gets the new end. kResourceExhausted: the list is full.
  absl::StatusOr<ChangeResult> Add(const Prefix& prefix, uint64_t seconds, uint64_t unix_now);
  // kNotFound: it is not blocked. What lies within a wider prefix, or within which others lie, is not touched.
  absl::StatusOr<ChangeResult> Remove(const Prefix& prefix);
  // Takes out what has ended, and makes up for what the dataplane or the store refused before. True: the list has changed.
  bool Tick(uint64_t unix_now);

  // The same object until the list changes.
  std::shared_ptr<const std::vector<BlockView>> View();
  const std::string& problem() const { return problem_; }  // "": none

 private:
  struct Block {
    uint64_t since = 0, until = 0;  // Unix seconds; until 0: no end
    bool operator==(const Block&) const = default;
  };
  using Blocks = std::map<Prefix, Block>;

  void Load();
  absl::Status Save(const Blocks& blocks);
  // Makes the list what is given, in the store and in the dataplane; if either refuses it stays as it was.
  absl::Status Change(Blocks blocks);
  absl::Status Publish();

  Store* const store_;
  Uplinks* const uplinks_;
  Blocks blocks_;
  bool published_ = false;
  bool saved_ = true;
  std::string lost_;  // what could not be read at the start
  std::string problem_;
  std::shared_ptr<const std::vector<BlockView>> view_;  // null: to be made
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_BLOCK_LIST_H_

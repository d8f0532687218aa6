// SPDX-License-Identifier: Apache-2.0
// The maps bh_published and bh_targets: ports of the host and the workloads behind them. One thread at a time.
#ifndef BULKHEAD_DATAPLANE_EBPF_PUBLISHED_PORTS_H_
#define BULKHEAD_DATAPLANE_EBPF_PUBLISHED_PORTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "dataplane/backend.h"
#include "dataplane/ebpf/maps.h"
#include "dataplane/kernel/kernel_writer.h"

namespace bulkhead {

class PublishedPorts {
 public:
  PublishedPorts(KernelWriter& writer, const Maps& maps) : writer_(writer), maps_(maps) {}

  // Learns what the maps hold.
  absl::Status Adopt();
  // What the maps say.
  std::vector<PublishedTarget> List() const;
  // Makes the maps hold exactly these; of two targets of one host port the later has it. changed: at least one element was written
  // or deleted, also when an error ended it. kResourceExhausted, with nothing changed, if they do not fit.
  absl::Status Set(const std::vector<PublishedTarget>& targets, bool& changed);

 private:
  // Elements by the bytes of their keys; both kinds of map are brought in line alike.
  using Elements = std::map<std::string, std::string>;
  absl::Status Sync(int map, Elements& held, const Elements& wanted, bool& changed);

  KernelWriter& writer_;
  const Maps& maps_;
  Elements published_, targets_;  // what is in the maps
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_PUBLISHED_PORTS_H_

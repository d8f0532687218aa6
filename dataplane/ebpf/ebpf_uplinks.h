// SPDX-License-Identifier: Apache-2.0
// EbpfUplinks: the XDP program of the uplinks, on interfaces by pinned links that outlive this process, and its maps.
//
// The name of a link's pin says how it was wished for (IFINDEX_uplink: native if the driver can; IFINDEX_uplink-generic): a link that
// was made as it is wished for now only gets the new program, since attaching anew resets some devices.
//
// Thread safety: as in dataplane/uplinks.h. Works in the network namespace of the calling threads.
#ifndef BULKHEAD_DATAPLANE_EBPF_EBPF_UPLINKS_H_
#define BULKHEAD_DATAPLANE_EBPF_EBPF_UPLINKS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/ebpf/loader.h"
#include "dataplane/uplinks.h"

namespace bulkhead {

class EbpfUplinks : public Uplinks {
 public:
  // Loads the program unless the hook is kNone. writer and loader must outlive it; base: PinBase(root).
  static absl::StatusOr<std::unique_ptr<EbpfUplinks>> Open(KernelWriter& writer, Loader& loader, const std::string& base,
                                                           UplinkHook hook);

  UplinkHook hook() const override { return hook_; }
  absl::StatusOr<XdpMode> Attach(uint32_t ifindex) override;
  absl::Status Detach(uint32_t ifindex) override;
  std::vector<uint32_t> Attached() const override;
  absl::Status SetHostMacs(const std::set<MacAddress>& macs) override;
  absl::Status SetLocalPorts(uint16_t first, uint16_t last) override;
  absl::Status SetBlocked(const std::set<Prefix>& prefixes) override;
  absl::StatusOr<std::map<Prefix, BlockCount>> ReadBlocked() const override;
  absl::StatusOr<std::map<uint32_t, uint64_t>> ReadDrops() const override;

  // For tests that run the program themselves. -1: not loaded.
  int program() const { return program_.get(); }

 private:
  EbpfUplinks(KernelWriter& writer, std::string base, UplinkHook hook) : writer_(writer), base_(std::move(base)), hook_(hook) {}

  std::string LinkPath(uint32_t ifindex, UplinkHook hook) const;
  absl::Status PutLink(uint32_t ifindex);
  absl::Status StartCounting(uint32_t ifindex);
  template <typename Key>
  absl::Status SyncBlocked(int map, const std::map<Prefix, Key>& wanted);

  KernelWriter& writer_;
  const std::string base_;
  const UplinkHook hook_;
  UniqueFd program_;
  uint32_t program_id_ = 0;
  int blocked4_ = -1, blocked6_ = -1, drops_ = -1, macs_ = -1, config_ = -1;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_EBPF_UPLINKS_H_

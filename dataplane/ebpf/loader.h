// SPDX-License-Identifier: Apache-2.0
// Loader: opens or creates the pinned maps, and loads the programs: the slow path once, the entry points once for each zone.
//
//   ROOT/v<VERSION>/maps/NAME
//   ROOT/v<VERSION>/programs/ZONE/bh_ingress, bh_egress
//   ROOT/v<VERSION>/links/IFINDEX_ingress, IFINDEX_egress, IFINDEX_xdp   (see attach.h)
//   ROOT/v<VERSION>/links/IFINDEX_uplink, IFINDEX_uplink-generic         (see ebpf_uplinks.h)
//
// bh_control is pinned last: without it the maps are the rest of an interrupted start and are replaced.
// Maps of an older layout that still fit are used on (older_layout.h), and are pinned in both until the older one goes.
// Thread safety: Programs may be called from several threads; everything else from one, before.
#ifndef BULKHEAD_DATAPLANE_EBPF_LOADER_H_
#define BULKHEAD_DATAPLANE_EBPF_LOADER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/ebpf/layouts.h"
#include "dataplane/ebpf/maps.h"
#include "dataplane/ebpf/older_layout.h"
#include "dataplane/kernel/kernel_writer.h"
#include "dataplane/kernel/unique_fd.h"

struct bpf_object;
struct bpf_map;

namespace bulkhead {

// The programs of one zone. Plain numbers; the loader keeps them open.
struct ZonePrograms {
  int ingress = -1, egress = -1;           // file descriptors
  uint32_t ingress_id = 0, egress_id = 0;  // the kernel's numbers of the programs
  int xdp = -1;                            // judges before ingress does; -1: there is none
  uint32_t xdp_id = 0;
};

struct LoaderOptions {
  std::string root;
  // Elements of maps by name, where they are to differ from bpf/maps.h. For new maps only.
  std::map<std::string, uint32_t, std::less<>> max_entries;
  bool workload_xdp = false;  // what workloads send is judged in XDP
  uint32_t layout_version = BH_LAYOUT_VERSION;
  // The layout to take over from; version 0: none. What was pinned of our own is then the rest of an interrupted start.
  PinnedLayout from;
  bool carry = true;            // maps of `from` that still fit
  std::set<std::string> fresh;  // but not these
  bool look_only = false;       // the folders are made by somebody else, or not at all
};

class Loader {
 public:
  // Mounts a bpffs if there is none, opens or creates all maps, and loads the programs of zone 0, which shows that this kernel
  // takes them. kFailedPrecondition: a pinned map has another layout than this build's.
  static absl::StatusOr<std::unique_ptr<Loader>> Open(KernelWriter& writer, LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  bool adopted() const { return adopted_; }  // the maps were there
  // Maps of the older layout that are used on. With flows() the flow table is among them.
  const std::set<std::string>& carried() const { return carried_names_; }
  bool flows_carried() const { return older_control_.has_value(); }
  const std::string& base() const { return base_; }
  const Maps& maps() const { return maps_; }
  int MapFd(std::string_view name) const;  // -1: no such map
  std::set<uint32_t> MapIds() const;       // the kernel's numbers of the pinned maps
  int clock_program() const { return clock_.get(); }
  int settle_program() const { return settle_.get(); }

  // Loads and pins them at the first call for a zone.
  absl::StatusOr<ZonePrograms> Programs(uint16_t zone);
  // Of a zone whose programs are loaded already; nullptr otherwise.
  const ZonePrograms* Loaded(uint16_t zone);
  // The program of the uplinks. After Open; by one thread.
  absl::StatusOr<UniqueFd> LoadUplink();

 private:
  struct Zone {
    UniqueFd ingress, egress, xdp;
    ZonePrograms programs;
  };

  Loader(KernelWriter& writer, LoaderOptions options)
      : writer_(writer), options_(std::move(options)), base_(PinBase(options_.root, options_.layout_version)) {}

  absl::Status PrepareDirectories();
  absl::Status OpenPinnedMaps();
  // Of the older layout.
  void OpenCarried();
  // Drops those that the object cannot use.
  void ChooseCarried(bpf_object* object);
  absl::Status CarryControl();
  absl::Status MapControl();
  absl::Status FillMaps();
  // Sizes new maps, puts the open ones in the place of the object's.
  absl::Status PrepareMaps(bpf_object* object);
  absl::Status KeepNewMaps(bpf_object* object);
  absl::Status SetSlowPath(const int (&programs)[2]);
  absl::Status LoadZone(uint16_t zone, Zone& out);
  absl::Status LoadXdp(uint16_t zone, Zone& out);
  // The XDP programs of an earlier start judge no more: whatever they would have judged goes on to tc.
  absl::Status DropXdp();
  absl::Status PinZone(uint16_t zone, const Zone& programs);

  KernelWriter& writer_;
  LoaderOptions options_;
  const std::string base_;
  bool adopted_ = false;
  std::map<std::string, UniqueFd, std::less<>> carried_;
  std::set<std::string> carried_names_;
  std::optional<OlderControl> older_control_;  // the flow table is carried
  uint32_t last_stamp_ = 0;                    // of an interrupted start of ours
  std::map<std::string, UniqueFd, std::less<>> fds_;
  Maps maps_;
  UniqueFd clock_, settle_;
  uint64_t secret_ = 0;  // of this process's XDP programs' marks (abi/uplink.h); 0: there are none

  std::mutex mutex_;
  std::map<uint16_t, Zone> zones_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_EBPF_LOADER_H_

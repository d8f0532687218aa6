// SPDX-License-Identifier: Apache-2.0
// KernelWriter: the one door through which this program changes the state of the kernel. Everything else only reads.
//
// Each call has a name and a sequence number, which `before` sees first: a fault injector returns an error there (the call is then
// not made), or ends the process. The methods are virtual so that tests can record instead of write. Thread safety: all methods may
// be called from several threads at once, if `before` may. Errors: those of the system call, through absl::ErrnoToStatus (EEXIST ->
// kAlreadyExists, ENOENT and ENODEV -> kNotFound, ...).
#ifndef BULKHEAD_DATAPLANE_KERNEL_KERNEL_WRITER_H_
#define BULKHEAD_DATAPLANE_KERNEL_KERNEL_WRITER_H_

#include <linux/bpf.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/kernel/unique_fd.h"

struct bpf_object;

namespace bulkhead {

class NetlinkSocket;

// As seen from the interface: ingress is what arrives on it. On the host side of a veth that is what the workload sent.
enum class TcDirection : uint8_t { kIngress = 0, kEgress = 1 };

// Native: the driver runs the program before it makes a packet of the frame. Generic: the kernel does, afterwards.
enum class XdpMode : uint8_t { kNative = 0, kGeneric = 1 };

// The filter of ours at each clsact hook. Priority 1: nobody's earlier filter may accept a packet before us.
inline constexpr uint32_t kFilterPriority = 1;
inline constexpr uint32_t kFilterHandle = 0xb1;

// Bytes for an array map; offset and size in bytes.
struct ArrayPiece {
  uint64_t offset = 0;
  const void* bytes = nullptr;
  uint64_t size = 0;
};

class KernelWriter {
 public:
  using Hook = std::function<absl::Status(const char* op, uint64_t sequence)>;

  explicit KernelWriter(Hook before = nullptr) : before_(std::move(before)) {}
  virtual ~KernelWriter() = default;
  KernelWriter(const KernelWriter&) = delete;
  KernelWriter& operator=(const KernelWriter&) = delete;

  // BPF maps. flags: BPF_ANY, BPF_NOEXIST, BPF_EXIST.
  virtual absl::Status UpdateElement(int map, const void* key, const void* value, uint64_t flags = BPF_ANY);
  virtual absl::Status DeleteElement(int map, const void* key);
  // Of a hash map: deletes the element and tells what it held.
  virtual absl::Status TakeElement(int map, const void* key, void* value);
  // keys and values: `count` of the map's own sizes, one behind the other. May stop half-way with an error.
  virtual absl::Status UpdateBatch(int map, const void* keys, const void* values, uint32_t count);
  // Deletes all elements of a hash or LRU hash map that nobody adds to meanwhile. May stop half-way with an error.
  virtual absl::Status EmptyHash(int map);
  virtual absl::StatusOr<UniqueFd> CreateMap(bpf_map_type type, const std::string& name, uint32_t key_size, uint32_t value_size,
                                             uint32_t max_entries, uint32_t flags);
  // Plain stores into an array map made with BPF_F_MMAPABLE, piece by piece, without a system call for each: the stretch from the
  // lowest to the highest of them is mapped for the length of the call. Programs may see them at any time and in any order, and a
  // piece in parts; those that find them through what is written in a later call see them whole.
  virtual absl::Status WriteArray(int map, const std::vector<ArrayPiece>& pieces);
  // One aligned store into the memory of a mapped BPF array; what was written before is seen first.
  virtual absl::Status StoreWord(uint32_t* word, uint32_t value);
  // Atomic changes to the memory of mapped BPF arrays, which programs may see one by one.
  virtual absl::Status ChangeMapped(const char* op, const std::function<void()>& change);
  // Returns when every BPF program that ran at the call has ended (membarrier GLOBAL is a grace period of the kernel's RCU).
  virtual absl::Status WaitForReaders();

  // Creates the maps that have no file descriptor yet, and loads the programs.
  virtual absl::Status LoadObject(bpf_object* object);

  // Files of a bpffs. Pin fails if the path exists; RenamePin replaces the target atomically.
  virtual absl::Status Pin(int fd, const std::string& path);
  virtual absl::Status RenamePin(const std::string& from, const std::string& to);
  virtual absl::Status Unpin(const std::string& path);
  virtual absl::Status MakeDirectory(const std::string& path);  // existing is fine
  virtual absl::Status RemoveDirectory(const std::string& path);
  // `source` stands in /proc/self/mountinfo.
  virtual absl::Status MountBpffs(const std::string& source, const std::string& path);
  virtual absl::Status Unmount(const std::string& path);

  // tc in the network namespace of the calling thread. CreateClsact: true if it was made, false if there was one.
  virtual absl::StatusOr<bool> CreateClsact(uint32_t ifindex);
  virtual absl::Status DeleteClsact(uint32_t ifindex);
  // Puts the program at our priority and handle, in place of the one that may be there, without a moment of none.
  virtual absl::Status ReplaceFilter(uint32_t ifindex, TcDirection direction, int program);
  virtual absl::Status DeleteFilter(uint32_t ifindex, TcDirection direction, uint32_t priority = kFilterPriority,
                                    uint32_t handle = kFilterHandle);

  // tcx links (kernel 6.6). A link of any kind ends when nothing holds it: pin it.
  virtual absl::StatusOr<UniqueFd> CreateTcxLink(uint32_t ifindex, TcDirection direction, int program);
  // XDP link. kAlreadyExists (EBUSY, EEXIST): the interface has another program. kUnimplemented: its driver cannot run one.
  virtual absl::StatusOr<UniqueFd> CreateXdpLink(uint32_t ifindex, XdpMode mode, int program);
  virtual absl::Status UpdateLink(int link, int program);
  virtual absl::Status DetachLink(int link);

  // Gives the namespace a number in the calling thread's one. kAlreadyExists if it has one.
  virtual absl::Status AllocateNsid(int netns_fd);

  // nftables: a transaction of the messages of one nfnetlink batch, all of it or nothing. `op` says what it is for. `socket`:
  // NETLINK_NETFILTER, used by nobody else meanwhile; listeners are told its port.
  virtual absl::Status CommitRules(const char* op, NetlinkSocket& socket, std::span<uint8_t> batch);

  // Calls so far.
  uint64_t sequence() const { return sequence_.load(); }

 protected:
  // First thing in every method.
  absl::Status Before(const char* op);

 private:
  Hook before_;
  std::atomic<uint64_t> sequence_{0};
};

}  // namespace bulkhead

#endif  // BULKHEAD_DATAPLANE_KERNEL_KERNEL_WRITER_H_

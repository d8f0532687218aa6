// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/kernel_writer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/membarrier.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/kernel/libbpf_log.h"
#include "dataplane/kernel/netlink.h"

namespace bulkhead {
namespace {

// enum bpf_attach_type of kernel 6.6 (include/uapi/linux/bpf.h); older headers lack them.
constexpr int kTcxIngress = 46;
constexpr int kTcxEgress = 47;
constexpr uint32_t kBefore = 1u << 3;  // BPF_F_BEFORE with no relative: in front of all others

// libbpf and the C library both leave the reason in errno.
absl::Status Errno(std::string what) { return absl::ErrnoToStatus(errno, what); }

absl::Status Result(int result, const char* what) { return result < 0 ? Errno(what) : absl::OkStatus(); }

bpf_tc_hook TcHook(uint32_t ifindex, TcDirection direction) {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(ifindex);
  hook.attach_point = direction == TcDirection::kIngress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
  return hook;
}

}  // namespace

absl::Status KernelWriter::Before(const char* op) {
  const uint64_t sequence = sequence_.fetch_add(1);
  return before_ ? before_(op, sequence) : absl::OkStatus();
}

absl::Status KernelWriter::UpdateElement(int map, const void* key, const void* value, uint64_t flags) {
  if (auto status = Before("map-update"); !status.ok()) return status;
  return Result(bpf_map_update_elem(map, key, value, flags), "map update");
}

absl::Status KernelWriter::DeleteElement(int map, const void* key) {
  if (auto status = Before("map-delete"); !status.ok()) return status;
  return Result(bpf_map_delete_elem(map, key), "map delete");
}

absl::Status KernelWriter::TakeElement(int map, const void* key, void* value) {
  if (auto status = Before("map-take"); !status.ok()) return status;
  return Result(bpf_map_lookup_and_delete_elem(map, key, value), "map take");
}

absl::Status KernelWriter::UpdateBatch(int map, const void* keys, const void* values, uint32_t count) {
  if (auto status = Before("map-update-batch"); !status.ok()) return status;
  if (count == 0) return absl::OkStatus();
  uint32_t done = count;
  return Result(bpf_map_update_batch(map, keys, values, &done, nullptr), "map batch update");
}

absl::Status KernelWriter::EmptyHash(int map) {
  if (auto status = Before("map-empty"); !status.ok()) return status;
  bpf_map_info info{};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(map, &info, &size) != 0) return Errno("asking for a map's layout");
  constexpr uint32_t kBatch = 4096;  // a bucket holds a few
  std::vector<char> keys(size_t{kBatch} * info.key_size), values(size_t{kBatch} * info.value_size);
  uint32_t bucket = 0, next_bucket = 0;
  for (bool first = true;; first = false) {
    uint32_t count = kBatch;
    if (bpf_map_lookup_and_delete_batch(map, first ? nullptr : &bucket, &next_bucket, keys.data(), values.data(), &count, nullptr) <
        0) {
      return errno == ENOENT ? absl::OkStatus() : Errno("map batch delete");
    }
    bucket = next_bucket;
  }
}

absl::StatusOr<UniqueFd> KernelWriter::CreateMap(bpf_map_type type, const std::string& name, uint32_t key_size, uint32_t value_size,
                                                 uint32_t max_entries, uint32_t flags) {
  if (auto status = Before("map-create"); !status.ok()) return status;
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = flags;
  const int fd = bpf_map_create(type, name.c_str(), key_size, value_size, max_entries, &options);
  if (fd < 0) return Errno(absl::StrCat("creating map ", name));
  return UniqueFd(fd);
}

absl::Status KernelWriter::WriteArray(int map, const std::vector<ArrayPiece>& pieces) {
  if (auto status = Before("array-write"); !status.ok()) return status;
  uint64_t low = UINT64_MAX, high = 0;
  for (const ArrayPiece& piece : pieces) {
    if (piece.size == 0) continue;
    low = std::min(low, piece.offset);
    high = std::max(high, piece.offset + piece.size);
  }
  if (high == 0) return absl::OkStatus();
  low -= low % static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  void* const memory = mmap(nullptr, high - low, PROT_READ | PROT_WRITE, MAP_SHARED, map, static_cast<off_t>(low));
  if (memory == MAP_FAILED) return Errno("mapping a map");
  for (const ArrayPiece& piece : pieces) {
    if (piece.size != 0) std::memcpy(static_cast<char*>(memory) + (piece.offset - low), piece.bytes, piece.size);
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return Result(munmap(memory, high - low), "unmapping a map");
}

absl::Status KernelWriter::StoreWord(uint32_t* word, uint32_t value) {
  if (auto status = Before("store-word"); !status.ok()) return status;
  std::atomic_ref<uint32_t>(*word).store(value, std::memory_order_seq_cst);
  return absl::OkStatus();
}

absl::Status KernelWriter::ChangeMapped(const char* op, const std::function<void()>& change) {
  if (auto status = Before(op); !status.ok()) return status;
  change();
  return absl::OkStatus();
}

absl::Status KernelWriter::WaitForReaders() {
  if (auto status = Before("wait-for-readers"); !status.ok()) return status;
  return Result(static_cast<int>(syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)), "membarrier");
}

absl::Status KernelWriter::LoadObject(bpf_object* object) {
  if (auto status = Before("object-load"); !status.ok()) return status;
  const LibbpfLog log;
  if (bpf_object__load(object) == 0) return absl::OkStatus();
  return Errno(absl::StrCat("loading the BPF programs: ", log.text()));
}

absl::Status KernelWriter::Pin(int fd, const std::string& path) {
  if (auto status = Before("pin"); !status.ok()) return status;
  return bpf_obj_pin(fd, path.c_str()) == 0 ? absl::OkStatus() : Errno(absl::StrCat("pinning ", path));
}

absl::Status KernelWriter::RenamePin(const std::string& from, const std::string& to) {
  if (auto status = Before("rename-pin"); !status.ok()) return status;
  return rename(from.c_str(), to.c_str()) == 0 ? absl::OkStatus() : Errno(absl::StrCat("renaming ", from));
}

absl::Status KernelWriter::Unpin(const std::string& path) {
  if (auto status = Before("unpin"); !status.ok()) return status;
  return unlink(path.c_str()) == 0 ? absl::OkStatus() : Errno(absl::StrCat("removing ", path));
}

absl::Status KernelWriter::MakeDirectory(const std::string& path) {
  if (auto status = Before("make-directory"); !status.ok()) return status;
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return absl::OkStatus();
  return Errno(absl::StrCat("making ", path));
}

absl::Status KernelWriter::RemoveDirectory(const std::string& path) {
  if (auto status = Before("remove-directory"); !status.ok()) return status;
  return rmdir(path.c_str()) == 0 ? absl::OkStatus() : Errno(absl::StrCat("removing ", path));
}

absl::Status KernelWriter::MountBpffs(const std::string& source, const std::string& path) {
  if (auto status = Before("mount"); !status.ok()) return status;
  if (mount(source.c_str(), path.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") == 0) return absl::OkStatus();
  return Errno(absl::StrCat("mounting a bpffs on ", path));
}

absl::Status KernelWriter::Unmount(const std::string& path) {
  if (auto status = Before("unmount"); !status.ok()) return status;
  return umount2(path.c_str(), 0) == 0 ? absl::OkStatus() : Errno(absl::StrCat("unmounting ", path));
}

absl::StatusOr<bool> KernelWriter::CreateClsact(uint32_t ifindex) {
  if (auto status = Before("qdisc-create"); !status.ok()) return status;
  const LibbpfLog log;
  bpf_tc_hook hook = TcHook(ifindex, TcDirection::kIngress);
  hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  if (bpf_tc_hook_create(&hook) == 0) return true;
  if (errno == EEXIST) return false;
  return Errno(absl::StrCat("adding clsact to interface ", ifindex, ": ", log.text()));
}

absl::Status KernelWriter::DeleteClsact(uint32_t ifindex) {
  if (auto status = Before("qdisc-delete"); !status.ok()) return status;
  const LibbpfLog log;
  bpf_tc_hook hook = TcHook(ifindex, TcDirection::kIngress);
  hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  return Result(bpf_tc_hook_destroy(&hook), "removing clsact");
}

absl::Status KernelWriter::ReplaceFilter(uint32_t ifindex, TcDirection direction, int program) {
  if (auto status = Before("filter-replace"); !status.ok()) return status;
  const LibbpfLog log;
  const bpf_tc_hook hook = TcHook(ifindex, direction);
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.prog_fd = program;
  options.flags = BPF_TC_F_REPLACE;
  options.handle = kFilterHandle;
  options.priority = kFilterPriority;
  if (bpf_tc_attach(&hook, &options) == 0) return absl::OkStatus();
  return Errno(absl::StrCat("attaching to interface ", ifindex, ": ", log.text()));
}

absl::Status KernelWriter::DeleteFilter(uint32_t ifindex, TcDirection direction, uint32_t priority, uint32_t handle) {
  if (auto status = Before("filter-delete"); !status.ok()) return status;
  const LibbpfLog log;
  const bpf_tc_hook hook = TcHook(ifindex, direction);
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.handle = handle;
  options.priority = priority;
  return Result(bpf_tc_detach(&hook, &options), "detaching");
}

absl::StatusOr<UniqueFd> KernelWriter::CreateTcxLink(uint32_t ifindex, TcDirection direction, int program) {
  if (auto status = Before("link-create"); !status.ok()) return status;
  bpf_link_create_opts options{};
  options.sz = sizeof(options);
  options.flags = kBefore;
  const auto type = static_cast<bpf_attach_type>(direction == TcDirection::kIngress ? kTcxIngress : kTcxEgress);
  const int fd = bpf_link_create(program, static_cast<int>(ifindex), type, &options);
  if (fd < 0) return Errno(absl::StrCat("attaching (tcx) to interface ", ifindex));
  return UniqueFd(fd);
}

absl::StatusOr<UniqueFd> KernelWriter::CreateXdpLink(uint32_t ifindex, XdpMode mode, int program) {
  if (auto status = Before("xdp-link-create"); !status.ok()) return status;
  bpf_link_create_opts options{};
  options.sz = sizeof(options);
  options.flags = mode == XdpMode::kNative ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  const int fd = bpf_link_create(program, static_cast<int>(ifindex), BPF_XDP, &options);
  if (fd >= 0) return UniqueFd(fd);
  const std::string what = absl::StrCat("attaching (XDP) to interface ", ifindex);
  if (errno == EBUSY || errno == EEXIST) {
    return absl::AlreadyExistsError(absl::StrCat(what, ": it has an XDP program that is not ours"));
  }
  if (errno == EOPNOTSUPP) return absl::UnimplementedError(absl::StrCat(what, ": its driver cannot"));
  return Errno(what);
}

absl::Status KernelWriter::UpdateLink(int link, int program) {
  if (auto status = Before("link-update"); !status.ok()) return status;
  return Result(bpf_link_update(link, program, nullptr), "replacing a link's program");
}

absl::Status KernelWriter::DetachLink(int link) {
  if (auto status = Before("link-detach"); !status.ok()) return status;
  return Result(bpf_link_detach(link), "detaching a link");
}

absl::Status KernelWriter::AllocateNsid(int netns_fd) {
  if (auto status = Before("nsid-allocate"); !status.ok()) return status;
  auto socket = NetlinkSocket::Open();
  if (!socket.ok()) return socket.status();
  NetlinkRequest request(RTM_NEWNSID, 0);
  request.AddHeader(rtgenmsg{});
  request.AddU32(NETNSA_FD, static_cast<uint32_t>(netns_fd));
  request.AddU32(NETNSA_NSID, static_cast<uint32_t>(-1));  // the kernel chooses
  return socket->Talk(request, nullptr);
}

absl::Status KernelWriter::CommitRules(const char* op, NetlinkSocket& socket, std::span<uint8_t> batch) {
  if (auto status = Before(op); !status.ok()) return status;
  return socket.TalkBatch(batch);
}

}  // namespace bulkhead

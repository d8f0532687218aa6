// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <memory>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

constexpr unsigned kKept[] = {CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_OVERRIDE};

// By name, since not every architecture has each of them. What the library of seccomp does not know is left alone.
constexpr const char* kRefused[] = {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    // Other programs and processes; what the sanitizers report by.
    "execve", "execveat", "ptrace", "process_vm_readv",
#endif
    "uselib", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    // The kernel's code.
    "init_module", "finit_module", "delete_module", "create_module", "kexec_load", "kexec_file_load", "perf_event_open",
    "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "lookup_dcookie",
    // The tree of files.
    "mount", "umount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick",
    "mount_setattr", "name_to_handle_at", "open_by_handle_at", "mknod", "mknodat", "swapon", "swapoff", "quotactl", "quotactl_fd",
    "fanotify_init", "acct",
    // Users, keys and namespaces.
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "keyctl", "add_key",
    "request_key", "unshare", "personality",
    // The machine.
    "reboot", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "stime", "sethostname", "setdomainname", "iopl",
    "ioperm", "syslog", "vhangup", "nfsservctl", "_sysctl", "modify_ldt", "vm86", "vm86old"};

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

// libseccomp gives the reason as a negative errno.
absl::Status FilterError(int result, std::string_view what) {
  return absl::ErrnoToStatus(-result, absl::StrCat("seccomp: ", std::string(what)));
}

absl::Status Refuse(scmp_filter_ctx filter, const char* name, const std::vector<scmp_arg_cmp>& if_arguments = {}) {
  const int call = seccomp_syscall_resolve_name(name);
  if (call == __NR_SCMP_ERROR) return absl::OkStatus();
  const int result = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), call, static_cast<unsigned>(if_arguments.size()),
                                            if_arguments.empty() ? nullptr : if_arguments.data());
  return result == 0 ? absl::OkStatus() : FilterError(result, name);
}

// All families but four: one rule for each stretch between them, since the conditions of one rule must hold together.
absl::Status RefuseFamilies(scmp_filter_ctx filter) {
  static_assert(AF_UNIX == 1 && AF_INET == 2 && AF_INET6 == 10 && AF_NETLINK == 16);
  const std::vector<std::vector<scmp_arg_cmp>> others = {
      {SCMP_CMP32(0, SCMP_CMP_EQ, 0)},
      {SCMP_CMP32(0, SCMP_CMP_GT, AF_NETLINK)},
  };
  for (const auto& condition : others) {
    if (absl::Status status = Refuse(filter, "socket", condition); !status.ok()) return status;
  }
  for (unsigned family = AF_INET + 1; family < AF_NETLINK; ++family) {
    if (family == AF_INET6) continue;
    if (absl::Status status = Refuse(filter, "socket", {SCMP_CMP32(0, SCMP_CMP_EQ, family)}); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// clone3 has its flags in memory, out of a filter's sight: refused as unknown, so that the C library falls back to clone.
absl::Status RefuseNamespaces(scmp_filter_ctx filter) {
  absl::Status status = Refuse(filter, "setns", {SCMP_CMP32(1, SCMP_CMP_NE, CLONE_NEWNET)});
  for (const unsigned flag :
       {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET}) {
    if (status.ok()) status = Refuse(filter, "clone", {SCMP_CMP32(0, SCMP_CMP_MASKED_EQ, flag, flag)});
  }
  if (!status.ok()) return status;
  const int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  return result == 0 ? absl::OkStatus() : FilterError(result, "clone3");
}

}  // namespace

std::vector<std::string> KeptCapabilities() {
  std::vector<std::string> out;
  for (const unsigned capability : kKept) out.emplace_back(capng_capability_to_name(capability));
  return out;
}

absl::Status DropCapabilities() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return absl::ErrnoToStatus(errno, "no_new_privs");
  if (capng_get_caps_process() != 0) return absl::InternalError("the capabilities cannot be read");
  std::vector<unsigned> kept;
  for (const unsigned capability : kKept) {
    if (capng_have_capability(CAPNG_PERMITTED, capability) != 0) kept.push_back(capability);
  }
  capng_clear(CAPNG_SELECT_ALL);
  for (const unsigned capability : kept) {
    const auto sets = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET);
    if (capng_update(CAPNG_ADD, sets, capability) != 0) return absl::InternalError("libcap-ng does not know a capability");
  }
  const int result = capng_apply(CAPNG_SELECT_ALL);
  if (result == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat("capabilities cannot be given up (libcap-ng ", result, ")"));
}

absl::Status RefuseSystemCalls() {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
  if (filter == nullptr) return absl::InternalError("libseccomp does not start");
  // The kernel writes each refusal to the audit log, if there is one: old kernels cannot.
  (void)seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_LOG, 1);
  if (const int result = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1); result != 0) {
    return FilterError(result, "all threads at once");
  }
  absl::Status status;
  for (const char* name : kRefused) {
    if (status.ok()) status = Refuse(filter.get(), name);
  }
  if (status.ok()) status = RefuseFamilies(filter.get());
  if (status.ok()) status = RefuseNamespaces(filter.get());
  if (!status.ok()) return status;
  const int result = seccomp_load(filter.get());
  return result == 0 ? absl::OkStatus() : FilterError(result, "loading the filter");
}

}  // namespace bulkhead

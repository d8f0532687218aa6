// SPDX-License-Identifier: Apache-2.0
#include "controlplane/doctor/kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "zlib.h"

namespace bulkhead::doctor {
namespace {

constexpr int kTcxIngress = 46;          // BPF_TCX_INGRESS of linux/bpf.h 6.6
constexpr long kBpffsMagic = 0xcafe4a11;  // BPF_FS_MAGIC of linux/magic.h
constexpr int kOldest[2] = {5, 10};

// "y" or "m" for a setting that the running kernel was built with; nullopt: it does not tell.
std::optional<bool> BuiltWith(const std::string& release, const std::string& setting) {
  std::string text;
  if (gzFile file = gzopen("/proc/config.gz", "rb"); file != nullptr) {
    char block[8192];
    for (int size; (size = gzread(file, block, sizeof(block))) > 0;) text.append(block, static_cast<size_t>(size));
    gzclose(file);
  } else {
    std::ifstream config("/boot/config-" + release);
    text.assign(std::istreambuf_iterator<char>(config), {});
  }
  if (text.empty()) return std::nullopt;
  return text.find("\n" + setting + "=y") != std::string::npos || text.find("\n" + setting + "=m") != std::string::npos;
}

bool IsOnBpffs(std::filesystem::path path) {
  struct statfs info{};
  while (statfs(path.c_str(), &info) != 0) {
    if (!path.has_parent_path() || path == path.parent_path()) return false;
    path = path.parent_path();
  }
  return static_cast<uint32_t>(info.f_type) == static_cast<uint32_t>(kBpffsMagic);
}

bool IsOldEnough(const std::string& release) {
  int major = 0, minor = 0;
  return std::sscanf(release.c_str(), "%d.%d", &major, &minor) == 2 && (major > kOldest[0] || (major == kOldest[0] && minor >= kOldest[1]));
}

}  // namespace

KernelFacts ReadKernel(const Config& config) {
  KernelFacts facts;
  utsname name{};
  if (uname(&name) == 0) facts.release = name.release;
  facts.root = geteuid() == 0;
  facts.btf = std::filesystem::exists("/sys/kernel/btf/vmlinux");
  facts.classifier = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_SCHED_CLS, nullptr) == 1;
  facts.ring_buffer = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, nullptr) == 1;
  const long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
  facts.membarrier = commands > 0 && (commands & MEMBARRIER_CMD_GLOBAL) != 0;
  uint32_t count = 0;
  // Of the loopback interface. An older kernel knows no such hook.
  facts.tcx = bpf_prog_query(1, static_cast<bpf_attach_type>(kTcxIngress), 0, nullptr, nullptr, &count) == 0;
  facts.bpffs = IsOnBpffs(config.pin_root);
  std::ifstream jit("/proc/sys/net/core/bpf_jit_enable");
  if (int value = 0; jit >> value) facts.jit = value;
  facts.bridge_tables = BuiltWith(facts.release, "CONFIG_NF_TABLES_BRIDGE");
  return facts;
}

void CheckKernel(const KernelFacts& facts, const Config& config, Findings* findings) {
  if (facts.root) {
    findings->Ok("rights", "root");
  } else {
    findings->Fail("rights", "not root: much cannot be seen", "run sudo bulkhead doctor");
  }
  if (IsOldEnough(facts.release)) {
    findings->Ok("kernel version", facts.release);
  } else {
    findings->Fail("kernel version", facts.release, "use Linux 5.10 or newer");
  }
  const auto need = [findings](bool has, const char* check, const char* found, const char* missing, const char* advice) {
    if (has) {
      findings->Ok(check, found);
    } else {
      findings->Fail(check, missing, advice);
    }
  };
  need(facts.classifier, "kernel bpf", "programs can be loaded", "tc programs cannot be loaded",
       "run as root with a kernel that has CONFIG_BPF_SYSCALL and CONFIG_NET_CLS_BPF; lockdown=confidentiality forbids it");
  need(facts.ring_buffer, "kernel ring buffer", "there", "no BPF ring buffers", "use Linux 5.8 or newer");
  need(facts.membarrier, "kernel membarrier", "there", "no MEMBARRIER_CMD_GLOBAL: policy cannot be exchanged safely",
       "use a kernel with CONFIG_MEMBARRIER and without nohz_full");
  if (facts.btf) {
    findings->Ok("kernel BTF", "/sys/kernel/btf/vmlinux");
  } else {
    findings->Warn("kernel BTF", "none", "not needed; bpftool shows maps more plainly with CONFIG_DEBUG_INFO_BTF");
  }
  if (facts.tcx) {
    findings->Ok("kernel tcx", "there");
  } else if (config.attach == "tcx") {
    findings->Fail("kernel tcx", "none, and the configuration says attach: tcx", "write attach: clsact, or use Linux 6.6 or newer");
  } else {
    findings->Ok("kernel tcx", "none; attach: clsact does not need it");
  }
  if (!facts.jit) {
    findings->Warn("kernel JIT", "net.core.bpf_jit_enable cannot be read here", "run bulkhead doctor as root in the host's own network namespace");
  } else if (*facts.jit == 0) {
    findings->Warn("kernel JIT", "off: packets cost many times as much", "sysctl -w net.core.bpf_jit_enable=1");
  } else {
    findings->Ok("kernel JIT", "on");
  }
  if (facts.bpffs) {
    findings->Ok("bpffs", absl::StrCat("mounted, for ", config.pin_root));
  } else {
    findings->Warn("bpffs", absl::StrCat("not mounted at ", config.pin_root), "bulkheadd mounts it when it starts");
  }
  if (!facts.bridge_tables) {
    findings->Warn("kernel bridge tables", "the kernel does not tell how it was built", "the guard needs CONFIG_NF_TABLES_BRIDGE");
  } else {
    need(*facts.bridge_tables, "kernel bridge tables", "there", "no nftables for bridges: the guard cannot be put up",
         "use a kernel with CONFIG_NF_TABLES_BRIDGE");
  }
}

}  // namespace bulkhead::doctor

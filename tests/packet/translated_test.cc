// SPDX-License-Identifier: Apache-2.0
// What the kernel made of the entry points: an established packet, which they deal with alone, meets no helper that hashes.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "dataplane/kernel/unique_fd.h"
#include "tests/packet/ebpf_world.h"

namespace bulkhead::packet_test {
namespace {

struct Translated {
  std::vector<bpf_insn> instructions;
  std::vector<uint32_t> maps;  // ids
};

Translated TranslationOf(int program) {
  Translated out;
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  EXPECT_EQ(bpf_obj_get_info_by_fd(program, &info, &size), 0);
  out.instructions.resize(info.xlated_prog_len / sizeof(bpf_insn));
  out.maps.resize(info.nr_map_ids);
  const uint32_t bytes = info.xlated_prog_len, maps = info.nr_map_ids;
  info = {};
  info.xlated_prog_len = bytes;
  info.xlated_prog_insns = reinterpret_cast<uintptr_t>(out.instructions.data());
  info.nr_map_ids = maps;
  info.map_ids = reinterpret_cast<uintptr_t>(out.maps.data());
  size = sizeof(info);
  EXPECT_EQ(bpf_obj_get_info_by_fd(program, &info, &size), 0);
  return out;
}

// The kernel's functions by address. Empty: it does not tell.
std::map<uint64_t, std::string> KernelSymbols() {
  std::map<uint64_t, std::string> out;
  std::ifstream file("/proc/kallsyms");
  std::string address, kind, name, rest;
  while (file >> address >> kind >> name && std::getline(file, rest)) {
    const uint64_t at = std::stoull(address, nullptr, 16);
    if (at != 0) out.emplace(at, name);
  }
  return out;
}

// Names of the helpers that a program calls. A call's immediate is the helper's distance from __bpf_call_base (kernel/bpf/core.c),
// but for a tail call, which the kernel shows as the helper's number.
std::set<std::string> CallsOf(const Translated& program) {
  static const std::map<uint64_t, std::string> symbols = KernelSymbols();
  uint64_t base = 0;
  for (const auto& [at, name] : symbols) base = name == "__bpf_call_base" ? at : base;
  std::set<std::string> out;
  for (const bpf_insn& instruction : program.instructions) {
    if (instruction.code != (BPF_JMP | BPF_CALL) || instruction.src_reg == BPF_PSEUDO_CALL) continue;
    if (instruction.imm == BPF_FUNC_tail_call) {
      out.insert("tail call");
      continue;
    }
    const auto found = symbols.find(base + static_cast<uint64_t>(static_cast<int64_t>(instruction.imm)));
    out.insert(found == symbols.end() ? "helper at " + std::to_string(instruction.imm) : found->second);
  }
  return out;
}

TEST(Translated, TheEntryPointsHashNothing) {
  EbpfWorld* world = SharedWorld();
  if (world == nullptr) GTEST_SKIP() << "no eBPF here";
  for (const int hook : {BH_HOOK_INGRESS, BH_HOOK_EGRESS}) {
    const Translated program = TranslationOf(*world->backend().ProgramFd(1, hook));
    ASSERT_FALSE(program.instructions.empty());
    ASSERT_FALSE(program.maps.empty());
    for (const uint32_t id : program.maps) {
      const UniqueFd map(bpf_map_get_fd_by_id(id));
      bpf_map_info info{};
      uint32_t size = sizeof(info);
      ASSERT_EQ(bpf_obj_get_info_by_fd(map.get(), &info, &size), 0);
      EXPECT_TRUE(info.type == BPF_MAP_TYPE_ARRAY || info.type == BPF_MAP_TYPE_PERCPU_ARRAY || info.type == BPF_MAP_TYPE_PROG_ARRAY)
          << "map " << info.name << " of type " << info.type << " at hook " << hook;
    }
    // The tail call to the slow program, what sends a packet past the bridge, and a per-CPU array's element by its index, for which
    // Linux before 6.10 makes a call.
    const std::set<std::string> known = {"tail call", "bpf_redirect_peer", "bpf_skb_change_type", "percpu_array_map_lookup_elem"};
    for (const std::string& name : CallsOf(program)) {
      EXPECT_TRUE(known.contains(name) || KernelSymbols().empty()) << "hook " << hook << " calls " << name;
    }
  }
}

}  // namespace
}  // namespace bulkhead::packet_test

// SPDX-License-Identifier: Apache-2.0
// The verifier takes every program, and works on it no longer than it did when somebody last looked: a new bridge waits for its
// zone's programs to load. tests/data/verifier/linux-MAJOR.MINOR.txt says what that was on a kernel; BULKHEAD_GOLDEN=write makes it
// say what is. On another kernel only the limits hold.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "tests/places/places.h"
#include "uplink_xdp.skel.h"
#include "workload.skel.h"
#include "workload_xdp.skel.h"

namespace bulkhead::packet_test {
namespace {

constexpr unsigned kLogStats = 4;  // BPF_LOG_STATS of linux/bpf_verifier.h: only the figures

struct Figures {
  uint64_t processed = 0;   // instructions that the verifier looked at, by all ways through the program
  uint64_t translated = 0;  // bytes of the program as the kernel has it
  uint64_t jited = 0;       // bytes of machine code

  bool operator==(const Figures&) const = default;
};

// By program and the variant that it was loaded as.
using Table = std::map<std::string, Figures>;

std::string Text(const std::string& name, const Figures& figures) {
  std::ostringstream out;
  out << name << " processed " << figures.processed << " translated " << figures.translated << " jited " << figures.jited;
  return out.str();
}

// A tenth more or less is compilers and kernels of one minor version; more is news.
bool IsNear(uint64_t seen, uint64_t recorded) { return seen <= recorded + recorded / 10 + 50 && recorded <= seen + seen / 10 + 50; }

struct Release {
  std::string full, minor;  // "6.1.0", "6.1"; builders' suffixes are left out
};

Release ReleaseOfThisKernel() {
  utsname names = {};
  uname(&names);
  const std::string release = names.release;
  const std::string full = release.substr(0, release.find_first_not_of("0123456789."));
  return {full, full.substr(0, full.find('.', full.find('.') + 1))};
}

std::string PathFor(const Release& release) { return SourcePath("tests/data/verifier/linux-" + release.minor + ".txt"); }

// Nothing is recorded for this kernel: nullopt.
std::optional<Table> ReadTable(const std::string& path) {
  std::ifstream in(path);
  if (!in.good()) return std::nullopt;
  Table table;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name, processed, translated, jited;
    Figures figures;
    if (line.empty() || line[0] == '#') continue;
    words >> name >> processed >> figures.processed >> translated >> figures.translated >> jited >> figures.jited;
    EXPECT_TRUE(!words.fail() && Text(name, figures) == line) << path << ": " << line;
    table[name] = figures;
  }
  return table;
}

void WriteTable(const std::string& path, const Release& release, const Table& table) {
  std::ofstream out(path);
  out << "# What the verifier made of each program on Linux " << release.full << ".\n"
      << "# tests/packet/load_test.cc compares it, with some tolerance; BULKHEAD_GOLDEN=write writes it anew.\n";
  for (const auto& [name, figures] : table) out << Text(name, figures) << "\n";
  out.close();
  EXPECT_TRUE(out.good()) << path << " cannot be written";
}

// Loads all programs of the object, and adds what became of them to the table, each as NAME/variant.
void Load(bpf_object* object, const std::string& variant, Table& table) {
  std::map<bpf_program*, std::unique_ptr<std::string>> logs;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    std::string& log = *(logs[program] = std::make_unique<std::string>(1 << 20, '\0'));
    bpf_program__set_log_buf(program, log.data(), log.size());
    bpf_program__set_log_level(program, kLogStats);
    bpf_program__set_autoload(program, true);
  }
  const int error = bpf_object__load(object);
  for (const auto& [loaded, log] : logs) {
    const std::string name = bpf_program__name(loaded) + ("/" + variant);
    EXPECT_EQ(error, 0) << name << ": " << log->c_str();
    Figures figures;
    const char* said = std::strstr(log->c_str(), "processed ");
    ASSERT_TRUE(said != nullptr && std::sscanf(said, "processed %lu", &figures.processed) == 1) << name << ": " << log->c_str();
    bpf_prog_info info = {};
    uint32_t size = sizeof(info);
    if (error == 0) {
      ASSERT_EQ(bpf_obj_get_info_by_fd(bpf_program__fd(loaded), &info, &size), 0);
    }
    figures.translated = info.xlated_prog_len;
    figures.jited = info.jited_prog_len;
    std::printf("%s\n", Text(name, figures).c_str());
    table[name] = figures;
  }
}

void LoadWorkload(uint16_t zone, Table& table) {
  workload_bpf* object = workload_bpf__open();
  ASSERT_NE(object, nullptr);
  object->rodata->bh_zone = zone;
  Load(object->obj, "zone" + std::to_string(zone), table);
  workload_bpf__destroy(object);
}

void LoadWorkloadXdp(uint16_t zone, Table& table) {
  workload_xdp_bpf* object = workload_xdp_bpf__open();
  ASSERT_NE(object, nullptr);
  object->rodata->bh_zone = zone;
  object->rodata->bh_secret = 1;
  Load(object->obj, "zone" + std::to_string(zone), table);
  workload_xdp_bpf__destroy(object);
}

void LoadUplinkXdp(Table& table) {
  uplink_xdp_bpf* object = uplink_xdp_bpf__open();
  ASSERT_NE(object, nullptr);
  Load(object->obj, "all", table);
  uplink_xdp_bpf__destroy(object);
}

// The verifier gives up at a million. What is loaded once for each zone must be done soon on any kernel.
void CheckLimits(const Table& table) {
  for (const auto& [name, figures] : table) {
    const bool for_each_zone = name.starts_with("bh_ingress/") || name.starts_with("bh_egress/") || name.starts_with("bh_xdp/");
    EXPECT_LE(figures.processed, for_each_zone ? 60'000u : 1'000'000u) << name;
  }
}

TEST(Load, TheVerifierTakesEveryProgramAsItDid) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may load programs";
  Table seen;
  for (const uint16_t zone : {0, 7}) {
    LoadWorkload(zone, seen);
    LoadWorkloadXdp(zone, seen);
  }
  LoadUplinkXdp(seen);
  CheckLimits(seen);

  const Release release = ReleaseOfThisKernel();
  const std::string path = PathFor(release);
  const char* const wish = std::getenv("BULKHEAD_GOLDEN");
  if (wish != nullptr && std::strcmp(wish, "write") == 0) return WriteTable(path, release, seen);
  const auto recorded = ReadTable(path);
  if (!recorded) {
    std::printf("not compared: no figures are recorded for Linux %s\n", release.minor.c_str());
    return;
  }
  for (const auto& [name, figures] : seen) {
    const auto found = recorded->find(name);
    const bool near = found != recorded->end() && IsNear(figures.processed, found->second.processed) &&
                      IsNear(figures.translated, found->second.translated) && IsNear(figures.jited, found->second.jited);
    EXPECT_TRUE(near) << "found    " << Text(name, figures) << "\nexpected "
                      << (found == recorded->end() ? "nothing of it" : Text(name, found->second)) << " of " << path
                      << "\nif this is meant to be: BULKHEAD_GOLDEN=write";
  }
  EXPECT_EQ(seen.size(), recorded->size()) << path << " tells of a program that is no more";
}

}  // namespace
}  // namespace bulkhead::packet_test

// SPDX-License-Identifier: Apache-2.0
// bench_dataplane: what the dataplane's programs cost a packet, as ratios to a program that returns at once in the same hook.
//
// The kernel's test runner repeats one packet, so a small program (driver.bpf.c) makes another of it each time, and goes on with
// the program to be measured. The same driver with the program that returns at once is measured beside it:
//   t(program) = T(driver, program) - T(driver, pass) + T(pass)
// All cases of a group, and their floors, are measured in turn, in short slices. A figure of a round is the median of its slices
// (under churn the mean), a ratio that of two figures of one round, and what is printed of both is the median over the rounds.
//
// established   flows that were opened and answered before; each packet passes by its entry, or the run fails
// new           each packet opens a flow: parse, policy, entry, edge. Also as a ratio to a program that parses the tuple and puts
// it
//               into a kernel LRU hash with as many elements, of as many bytes, that is never full
// denied        each packet is dropped by policy
// scale         over uniformly random other ends, in worlds that are small and large in one respect; _growth: as a ratio to the
//               smallest
// churn         while workloads start and stop, 20 of each in a second
// staged        while a second policy judges beside the first
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/dataplane/measure.h"
#include "nlohmann/json.hpp"

namespace bulkhead::bench {
namespace {

using Json = nlohmann::ordered_json;

Json Report(const Row& row) {
  std::vector<double> ratios;
  for (size_t round = 0; round < row.values.size(); ++round) ratios.push_back(row.values[round] / row.floors[round]);
  const auto [min, max] = std::minmax_element(row.values.begin(), row.values.end());
  const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
  return {{"case", row.name},
          {"metric", row.metric},
          {"unit", "ns"},
          {"median", Median(row.values)},
          {"min", *min},
          {"max", *max},
          {"floor", Median(row.floors)},
          {"ratio", Median(ratios)},
          {"ratio_min", *least},
          {"ratio_max", *most}};
}

void PrintHead() {
  std::printf("%-32s %-20s %9s %9s %9s %9s %8s %17s\n", "case", "metric", "median", "min", "max", "floor", "ratio", "its spread");
}

void Print(const Json& row) {
  std::printf("%-32s %-20s %6.1f ns %6.1f ns %6.1f ns %6.1f ns %8.2f %8.2f-%8.2f\n", row["case"].get<std::string>().c_str(),
              row["metric"].get<std::string>().c_str(), row["median"].get<double>(), row["min"].get<double>(),
              row["max"].get<double>(), row["floor"].get<double>(), row["ratio"].get<double>(), row["ratio_min"].get<double>(),
              row["ratio_max"].get<double>());
  std::fflush(stdout);
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "bench_dataplane: %s\n", std::string(status.message()).c_str());
  return 2;
}

std::vector<Group> GroupsWith(const std::string& only) {
  std::vector<Group> out;
  for (Group& group : Groups()) {
    std::erase_if(group.cases, [&only](const Case& each) { return each.name.find(only) == std::string::npos; });
    if (!group.cases.empty()) out.push_back(std::move(group));
  }
  return out;
}

int Run(bool json, int rounds, const std::string& only) {
  // Best effort: others' work gets less in between.
  static_cast<void>(setpriority(PRIO_PROCESS, 0, -20));
  const std::vector<Group> groups = GroupsWith(only);
  if (groups.empty()) return Fail(absl::NotFoundError("there is no such case"));
  const auto lab = Lab::Create();
  if (!lab.ok()) return Fail(lab.status());
  KernelWriter writer;
  const RealClock clock;
  const auto driver = Driver::Load(writer, kFlowEntries);
  if (!driver.ok()) return Fail(driver.status());
  if (auto status = (*lab)->OpenToXdp((*driver)->pass(true)); !status.ok()) return Fail(status);
  Json all = Json::array();
  if (!json) PrintHead();
  for (const Group& group : groups) {
    const auto rows = Measure({**lab, writer, clock, **driver}, group, rounds);
    if (!rows.ok()) return Fail(rows.status());
    for (const Row& row : *rows) {
      all.push_back(Report(row));
      if (!json) Print(all.back());
    }
  }
  if (json) std::printf("%s\n", all.dump(2).c_str());
  return 0;
}

}  // namespace
}  // namespace bulkhead::bench

int main(int argc, char** argv) {
  CLI::App app("What the dataplane's programs cost a packet: ratios to a program that returns at once");
  bool json = false;
  int rounds = 15;
  std::string only;
  app.add_flag("--json", json, "Print JSON");
  app.add_option("--rounds", rounds, "How often each thing is measured")->check(CLI::Range(9, 1000));
  app.add_option("--only", only, "Measure only cases with this in their name");
  CLI11_PARSE(app, argc, argv);
  return bulkhead::bench::Run(json, rounds, only);
}

// SPDX-License-Identifier: Apache-2.0
// bench_policy: what compiling policy costs, as ratios to copying the documents in memory, measured in turn with it; and how the
// cost grows. usage: bench_policy [--json] [--rounds N]
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "CLI/CLI.hpp"
#include "bench/measure/measure.h"
#include "bench/policy/world.h"
#include "nlohmann/json.hpp"

namespace bulkhead::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr Size kStandard{10'000, 300, 2'000};
constexpr Size kLarge{100'000, 1'000, 2'000};

std::shared_ptr<CompiledPolicy> MustCompile(Compiler* compiler, const CompileInput& input) {
  auto policy = compiler->Compile(input);
  if (policy.ok()) return *std::move(policy);
  std::fprintf(stderr, "bench_policy: %s\n", std::string(policy.status().message()).c_str());
  std::exit(2);
}

Json CountsOf(const Size& size, const CompiledPolicy& policy) {
  size_t intervals = 0;
  for (const Ruleset& ruleset : policy.rulesets) intervals += ruleset.intervals.size();
  return {{"workloads", size.workloads},
          {"kinds", size.kinds},
          {"policies", size.policies},
          {"rules", policy.rules.size()},
          {"subjects", policy.subjects.size()},
          {"classes", policy.classes},
          {"rows", policy.rows},
          {"rulesets", policy.rulesets.size()},
          {"intervals", intervals}};
}

// One world and what is done to it.
class Bench {
 public:
  explicit Bench(const Size& size) : size_(size), input_(MakeWorld(size)), next_(size.workloads) {
    policy_ = MustCompile(&growing_, input_);
    changed_ = input_;
  }

  Json Counts() const { return CountsOf(size_, *policy_); }

  Case Floor() {
    return {"copy the documents", [this] { copy_ = std::make_shared<PolicyDocuments>(*input_.documents); },
            [this] { copy_ = nullptr; }};
  }
  Case Full() {
    return {"full compile", [this] { MustCompile(cold_.get(), input_); }, [this] { cold_ = std::make_unique<Compiler>(); }};
  }
  Case OnePolicy() {
    return {"one policy changed", [this] { MustCompile(&changing_, changed_); },
            [this] { changed_.documents = ChangeOne(*changed_.documents, 7 * next_++); }};
  }
  Case KnownKind() {
    return {"new workload, known kind", [this] { Extend(); },
            [this] {
              fresh_ = MakeWorkload(next_, next_ % size_.kinds);
              ++next_;
            }};
  }
  // Another number behind a port's name that rules use is a kind that policy has not seen.
  Case NewKind() {
    return {"new workload, new kind", [this] { Extend(); },
            [this] {
              fresh_ = MakeWorkload(next_, next_ % size_.kinds);
              fresh_.named_ports = {{"http", kProtoTcp, static_cast<uint16_t>(20'000 + next_ % 10'000)}};
              ++next_;
            }};
  }

 private:
  void Extend() {
    const auto growth = growing_.Extend(fresh_);
    if (growth.ok()) return;
    std::fprintf(stderr, "bench_policy: %s\n", std::string(growth.status().message()).c_str());
    std::exit(2);
  }

  const Size size_;
  CompileInput input_;
  size_t next_;
  CompileInput changed_;
  Compiler growing_, changing_;
  std::unique_ptr<Compiler> cold_;
  std::shared_ptr<CompiledPolicy> policy_;
  std::shared_ptr<PolicyDocuments> copy_;
  KnownIdentity fresh_;
};

Json Costs(const Size& size, int rounds, bool everything) {
  Bench bench(size);
  Json out = {{"counts", bench.Counts()}, {"costs", Json::array()}};
  std::vector<Case> cases = {bench.Floor(), bench.Full()};
  if (everything) {
    for (const Case& one : {bench.OnePolicy(), bench.KnownKind(), bench.NewKind()}) cases.push_back(one);
  }
  const std::vector<Timing> timings = Measure(cases, rounds);
  for (const Timing& timing : timings) {
    out["costs"].push_back({{"what", timing.name},
                            {"median_us", timing.median_us},
                            {"quartiles_us", {timing.low_us, timing.high_us}},
                            {"ratio", timing.median_us / timings[0].median_us}});
  }
  return out;
}

// The full compile's ratio to the floor at each size, and the exponent that it grows with.
Json Scaling(const char* name, const std::vector<Size>& sizes, size_t Size::*what, int rounds) {
  Json out = {{"in", name}, {"points", Json::array()}};
  std::vector<std::pair<double, double>> points;
  for (const Size& size : sizes) {
    Bench bench(size);
    const Json counts = bench.Counts();
    const std::vector<Timing> timings = Measure({bench.Full()}, rounds);
    points.emplace_back(static_cast<double>(size.*what), timings[0].median_us);
    out["points"].push_back({{name, size.*what}, {"classes", counts["classes"]}, {"median_us", timings[0].median_us}});
  }
  out["exponent"] = GrowthExponent(points);
  return out;
}

Json Memory() {
  CompileInput input = MakeWorld(kStandard);
  const double before = ResidentBytes();
  Compiler compiler;
  const auto policy = MustCompile(&compiler, input);
  return {{"what", "compiled policy and its compiler"}, {"bytes", ResidentBytes() - before}};
}

void PrintCosts(const Json& world) {
  for (const auto& [name, count] : world["counts"].items()) std::printf("%s %s  ", count.dump().c_str(), name.c_str());
  std::printf("\n  %-28s %12s %23s %9s\n", "", "median", "quartiles", "x floor");
  for (const Json& cost : world["costs"]) {
    std::printf("  %-28s %9.1f us %9.1f .. %9.1f us %9.3f\n", cost["what"].get<std::string>().c_str(),
                cost["median_us"].get<double>(), cost["quartiles_us"][0].get<double>(), cost["quartiles_us"][1].get<double>(),
                cost["ratio"].get<double>());
  }
  std::printf("\n");
}

void PrintScaling(const Json& scaling) {
  const std::string name = scaling["in"];
  std::printf("full compile, growing %s: exponent %.2f\n", name.c_str(), scaling["exponent"].get<double>());
  for (const Json& point : scaling["points"]) {
    std::printf("  %7s %-9s %5s classes  %10.1f us\n", point[name].dump().c_str(), name.c_str(), point["classes"].dump().c_str(),
                point["median_us"].get<double>());
  }
  std::printf("\n");
}

int Run(bool json, int rounds) {
  Json out;
  out["memory"] = Memory();  // first, while the heap is still small
  out["standard"] = Costs(kStandard, rounds, true);
  out["large"] = Costs(kLarge, std::max(3, rounds / 4), false);
  const int few = std::max(3, rounds / 2);
  out["scaling"] = {
      Scaling("policies",
              {{10'000, 300, 500}, {10'000, 300, 1'000}, {10'000, 300, 2'000}, {10'000, 300, 4'000}, {10'000, 300, 8'000}},
              &Size::policies, few),
      Scaling("kinds", {{10'000, 100, 2'000}, {10'000, 200, 2'000}, {10'000, 400, 2'000}, {10'000, 800, 2'000}}, &Size::kinds, few),
      Scaling("workloads", {{2'500, 300, 2'000}, {5'000, 300, 2'000}, {10'000, 300, 2'000}, {20'000, 300, 2'000}}, &Size::workloads,
              few)};
  if (json) {
    std::printf("%s\n", out.dump(2).c_str());
    return 0;
  }
  PrintCosts(out["standard"]);
  PrintCosts(out["large"]);
  for (const Json& scaling : out["scaling"]) PrintScaling(scaling);
  std::printf("memory of the %s: %.1f MB\n", out["memory"]["what"].get<std::string>().c_str(),
              out["memory"]["bytes"].get<double>() / 1e6);
  return 0;
}

}  // namespace
}  // namespace bulkhead::bench

int main(int argc, char** argv) {
  CLI::App app("What compiling policy costs: medians, ratios to copying the documents in memory, and how the cost grows");
  bool json = false;
  int rounds = 15;
  app.add_flag("--json", json, "Print JSON");
  app.add_option("--rounds", rounds, "How often each thing is measured")->check(CLI::Range(3, 1000));
  CLI11_PARSE(app, argc, argv);
  return bulkhead::bench::Run(json, rounds);
}

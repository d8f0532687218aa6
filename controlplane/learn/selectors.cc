// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/selectors.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/policy/validate.h"

namespace bulkhead::learn {
namespace {

constexpr std::string_view kImplicitLabel = "bulkhead.dev/service";

// Labels that name a service or its part in an application, best first: the Kubernetes recommended labels and the engines' own.
constexpr std::array<std::string_view, 10> kNamingLabels = {"app.kubernetes.io/name",
                                                            "app",
                                                            "com.docker.compose.service",
                                                            "com.docker.swarm.service.name",
                                                            "k8s-app",
                                                            "name",
                                                            "app.kubernetes.io/component",
                                                            "component",
                                                            "tier",
                                                            "role"};

// Two of these tell services apart today and break the policy with the next release.
constexpr std::array<std::string_view, 7> kPassingWords = {"version", "revision", "hash", "build", "commit", "release", "date"};
constexpr std::array<std::string_view, 5> kMachineKeys = {"bulkhead.dev/", "com.docker.", "io.kubernetes.", "org.opencontainers.",
                                                          "io.buildah."};
// So many labels are tried in pairs and triples.
constexpr size_t kMaxCandidates = 8;

size_t Rank(std::string_view key) {
  return static_cast<size_t>(std::find(kNamingLabels.begin(), kNamingLabels.end(), key) - kNamingLabels.begin());
}

bool IsLasting(std::string_view key) {
  if (Rank(key) < kNamingLabels.size()) return true;
  const auto starts = [key](std::string_view prefix) { return key.starts_with(prefix); };
  const auto holds = [key](std::string_view word) { return key.find(word) != std::string_view::npos; };
  return std::none_of(kMachineKeys.begin(), kMachineKeys.end(), starts) &&
         std::none_of(kPassingWords.begin(), kPassingWords.end(), holds);
}

using Label = std::pair<std::string, std::string>;

std::vector<Label> Candidates(const std::set<Labels>& seen) {
  std::vector<Label> out;
  if (seen.empty()) return out;
  for (const auto& [key, value] : *seen.begin()) {
    const auto has = [&key, &value](const Labels& labels) {
      const auto at = labels.find(key);
      return at != labels.end() && at->second == value;
    };
    if (IsLasting(key) && !value.empty() && CheckLabelKey(key).empty() && CheckLabelValue(value).empty() &&
        std::all_of(seen.begin(), seen.end(), has))
      out.emplace_back(key, value);
  }
  std::stable_sort(out.begin(), out.end(), [](const Label& a, const Label& b) { return Rank(a.first) < Rank(b.first); });
  if (out.size() > kMaxCandidates) out.resize(kMaxCandidates);
  return out;
}

bool Matches(const std::vector<Label>& selector, const Labels& labels) {
  return std::all_of(selector.begin(), selector.end(), [&labels](const Label& label) {
    const auto at = labels.find(label.first);
    return at != labels.end() && at->second == label.second;
  });
}

// The first `size` candidates, in order of rank, that match no neighbour; candidates before `from` are taken already.
bool Choose(const std::vector<Label>& candidates, const std::vector<const Labels*>& neighbours, size_t size, size_t from,
            std::vector<Label>* chosen) {
  if (chosen->size() == size) {
    return std::none_of(neighbours.begin(), neighbours.end(), [chosen](const Labels* labels) { return Matches(*chosen, *labels); });
  }
  for (size_t i = from; i < candidates.size(); ++i) {
    chosen->push_back(candidates[i]);
    if (Choose(candidates, neighbours, size, i + 1, chosen)) return true;
    chosen->pop_back();
  }
  return false;
}

LabelSelector Select(const std::map<std::string, std::set<Labels>>& services, const std::string& service,
                     const std::set<Labels>& seen) {
  std::vector<const Labels*> neighbours;
  for (const auto& [name, others] : services) {
    if (name == service) continue;
    for (const Labels& labels : others) neighbours.push_back(&labels);
  }
  LabelSelector selector;
  const std::vector<Label> candidates = Candidates(seen);
  for (size_t size = 1; size <= 3 && size <= candidates.size(); ++size) {
    std::vector<Label> chosen;
    if (!Choose(candidates, neighbours, size, 0, &chosen)) continue;
    selector.match_labels.insert(chosen.begin(), chosen.end());
    return selector;
  }
  selector.match_labels[std::string(kImplicitLabel)] = service;
  return selector;
}

}  // namespace

Census TakeCensus(const Evidence& evidence, const View& view) {
  Census census;
  for (const Party& party : evidence.parties) {
    if (party.IsService()) census[party.ns][party.service].insert(party.labels);
  }
  for (const auto& [key, workload] : view.workloads) {
    if (!workload.host_network) census[workload.ns][workload.service].insert(workload.labels);
  }
  return census;
}

Selectors SelectServices(const Census& census) {
  Selectors out;
  for (const auto& [ns, services] : census) {
    for (const auto& [service, seen] : services) out[{ns, service}] = Select(services, service, seen);
  }
  return out;
}

std::string WhyNotSelectable(const ServiceName& service, const LabelSelector& selector) {
  if (const std::string expected = CheckDnsLabel(service.first); !expected.empty())
    return "the namespace's name must be " + expected;
  for (const auto& [key, value] : selector.match_labels) {
    if (const std::string expected = CheckLabelValue(value); !expected.empty()) return "the service's name must be " + expected;
  }
  return "";
}

}  // namespace bulkhead::learn

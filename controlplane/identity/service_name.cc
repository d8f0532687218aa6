// SPDX-License-Identifier: Apache-2.0
#include "controlplane/identity/service_name.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "absl/strings/str_cat.h"
#include "controlplane/identity/named_ports.h"

namespace bulkhead {
namespace {

// In order; the first that exists names the service.
constexpr std::array<const char*, 6> kServiceLabels = {
    kServiceLabel, "app.kubernetes.io/name", "app", "com.docker.compose.service", "com.docker.swarm.service.name", "k8s-app"};
constexpr std::array<const char*, 3> kNamespaceLabels = {"io.kubernetes.pod.namespace", kNamespaceLabel, "com.docker.compose.project"};

// Set by engines and controllers, different for each replica or each roll-out of one service.
constexpr auto kReplicaLabels = std::to_array<std::string_view>({
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "com.docker.compose.config-hash",
    "com.docker.compose.container-number",
    "com.docker.compose.depends_on",
    "com.docker.compose.image",
    "com.docker.compose.oneoff",
    "com.docker.compose.replace",
    "com.docker.compose.slug",
    "com.docker.compose.version",
    "com.docker.swarm.node.id",
    "com.docker.swarm.task",
    "com.docker.swarm.task.id",
    "com.docker.swarm.task.name",
    "controller-revision-hash",
    "controller-uid",
    "io.kubernetes.container.hash",
    "io.kubernetes.container.restartCount",
    "io.kubernetes.pod.name",
    "io.kubernetes.pod.uid",
    "pod-template-generation",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
});

bool IsReplicaLabel(std::string_view name) {
  return std::find(kReplicaLabels.begin(), kReplicaLabels.end(), name) != kReplicaLabels.end();
}

// Names stand in file names, tables and `NAMESPACE/SERVICE`: control characters, blanks and slashes would forge other names there.
std::string CleanName(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, kMaxNameBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    out += (std::isalnum(byte) != 0 || c == '.' || c == '_' || c == '-') ? c : '_';
  }
  return out == "." || out == ".." ? std::string("_") : out;
}

template <size_t N>
std::string FirstLabel(const Labels& labels, const std::array<const char*, N>& names) {
  for (const char* name : names) {
    const auto at = labels.find(name);
    if (at != labels.end() && !at->second.empty()) return CleanName(at->second);
  }
  return "";
}

Labels TrustedLabels(const WorkloadReport& report, bool trust_image_labels, std::vector<std::string>* problems) {
  Labels out;
  size_t too_long = 0, too_many = 0;
  for (const auto& [name, value] : report.labels) {
    if (!trust_image_labels) {
      const auto own = report.image_labels.find(name);
      if (own != report.image_labels.end() && own->second == value) continue;
    }
    if (name.size() > kMaxLabelName || value.size() > kMaxLabelValue) {
      ++too_long;
    } else if (out.size() >= kMaxLabels) {
      ++too_many;
    } else {
      out.emplace(name, value);
    }
  }
  if (too_long > 0) {
    problems->push_back(absl::StrCat(too_long, " labels left out: longer than ", kMaxLabelName, " (name) or ", kMaxLabelValue,
                                     " (value) bytes"));
  }
  if (too_many > 0) problems->push_back(absl::StrCat(too_many, " labels left out: more than ", kMaxLabels));
  return out;
}

}  // namespace

std::string ImageBaseName(std::string_view image) {
  image = image.substr(0, image.find('@'));
  if (const size_t slash = image.rfind('/'); slash != std::string_view::npos) image.remove_prefix(slash + 1);
  // "sha256:..." is an image without a name.
  const size_t colon = image.find(':');
  if (colon != std::string_view::npos && image.substr(0, colon) == "sha256") return "";
  return CleanName(image.substr(0, colon));
}

Naming NameWorkload(const WorkloadReport& report, bool trust_image_labels) {
  Naming out;
  out.labels = TrustedLabels(report, trust_image_labels, &out.problems);
  out.ns = report.ns.empty() ? FirstLabel(out.labels, kNamespaceLabels) : CleanName(report.ns);
  if (out.ns.empty()) out.ns = "default";
  out.service = FirstLabel(out.labels, kServiceLabels);
  if (out.service.empty() && report.generated_name) out.service = ImageBaseName(report.image);
  if (out.service.empty()) out.service = CleanName(report.name);
  if (out.service.empty()) out.service = CleanName(std::string_view(report.id).substr(0, 12));
  if (out.service.empty()) out.service = "_";
  out.labels[kServiceLabel] = out.service;
  out.named_ports = NamePorts(report, &out.problems);
  return out;
}

Labels SecurityLabels(const Labels& labels) {
  Labels out;
  for (const auto& [name, value] : labels) {
    if (!IsReplicaLabel(name)) out.emplace(name, value);
  }
  return out;
}

}  // namespace bulkhead

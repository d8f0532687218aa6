// SPDX-License-Identifier: Apache-2.0
// From records to reports.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/runtime/docker_tracker.h"

namespace bulkhead {
namespace {

constexpr size_t kMaxImages = 4096;
constexpr std::string_view kSharesPrefix = "container:";

}  // namespace

void DockerTracker::Emit(SourceEvent::Kind kind, const std::string& id) {
  SourceEvent event;
  event.kind = kind;
  event.source = source_;
  event.id = id;
  events_.push_back(std::move(event));
}

void DockerTracker::Problem(const std::string& key, std::string text) {
  if (text.empty() && problems_.erase(key) == 0) return;
  if (!text.empty()) problems_.insert(key);
  SourceEvent event;
  event.kind = SourceEvent::Kind::kProblem;
  event.source = source_;
  event.key = key;
  event.text = std::move(text);
  events_.push_back(std::move(event));
}

// Podman names a network by its name where Docker gives its id.
const DockerNetwork* DockerTracker::FindNetwork(const DockerEndpoint& endpoint) const {
  const auto at = networks_.find(endpoint.network_id);
  if (at != networks_.end()) return &at->second;
  for (const auto& [id, network] : networks_) {
    if (network.name == endpoint.network_id) return &network;
  }
  return nullptr;
}

// Labels and ports of an image never change: its id is a digest of them, too.
const DockerTracker::Image& DockerTracker::ImageOf(const Record& record) {
  static const Image kNone{Image::State::kKnown, {}, 0};
  static const Image kWrong{Image::State::kGone, {}, 0};
  const std::string& id = record.known.image_id;
  if (id.empty()) return kNone;
  if (!IsDockerId(id)) return kWrong;
  const auto [at, is_new] = images_.try_emplace(id);
  if (is_new) Ask(DockerRequest::Kind::kImage, id);
  return at->second;
}

void DockerTracker::DropUnusedImages() {
  if (images_.size() <= kMaxImages) return;
  std::set<std::string_view> used;
  for (const auto& [id, record] : records_) used.insert(record.known.image_id);
  std::erase_if(images_, [&](const auto& entry) { return !used.contains(entry.first); });
}

void DockerTracker::Report(const std::string& id, Record* record, bool insist) {
  if (!record->described || (!record->state_known && !insist)) return;
  const Image& image = ImageOf(*record);
  if (image.state == Image::State::kAsked && !insist) return;
  WorkloadReport report = MakeReport(id, *record, image);
  if (!record->sent || *record->sent != report) {
    SourceEvent event;
    event.kind = SourceEvent::Kind::kUpsert;
    event.source = source_;
    event.report = report;
    event.id = id;
    events_.push_back(std::move(event));
    record->sent = std::move(report);
  }
  if (!record->asked_inspect || insist) Settle(id);
}

WorkloadReport DockerTracker::MakeReport(const std::string& id, const Record& record, const Image& image) const {
  WorkloadReport out;
  const DockerContainer& known = record.known;
  out.id = id;
  out.runtime = runtime_;
  out.name = known.name;
  out.generated_name = IsDockerGeneratedName(known.name);
  out.labels = known.labels;
  out.image_labels = image.known.labels;
  out.named_ports = image.known.exposed;
  if (image.state != Image::State::kKnown) {
    // Without the image nobody can tell its labels from the container's own, so none is taken for the container's own.
    out.image_labels = known.labels;
    out.problem = image.state == Image::State::kGone ? "its image is gone, so none of its labels can be trusted"
                                                     : "its image cannot be inspected, so none of its labels is trusted yet";
  }
  out.image = known.image;
  out.image_digest = known.image_id;
  out.phase = record.phase;
  out.pid = record.pid;
  out.published = known.published;
  out.host_network = known.network_mode == "host";
  out.no_network = known.network_mode == "none";
  if (known.network_mode.starts_with(kSharesPrefix)) out.shares_with = OwnerOf(known.network_mode.substr(kSharesPrefix.size()));
  out.unprotected = unprotected_;
  AddNetworks(record, &out);
  return out;
}

void DockerTracker::AddNetworks(const Record& record, WorkloadReport* report) const {
  for (const auto& [id, endpoint] : record.endpoints) {
    const DockerNetwork* network = FindNetwork(endpoint);
    NetworkAttachment at{endpoint.network, "", endpoint.mac, endpoint.addresses, false};
    if (network != nullptr) {
      at.bridge = network->bridge;
      at.closed = network->closed;
      const bool seen_by_hooks = network->driver == "bridge" || network->driver == "host" || network->driver == "null";
      if (!seen_by_hooks && report->unprotected.empty()) {
        report->unprotected = absl::StrCat("network ", endpoint.network, " uses the driver ", network->driver);
      }
    }
    report->networks.push_back(std::move(at));
  }
}

// The engine writes the id there, but took a name or the beginning of an id from its user.
std::string DockerTracker::OwnerOf(const std::string& name) const {
  if (records_.contains(name)) return name;
  for (const auto& [id, record] : records_) {
    if (record.known.name == name) return id;
  }
  const auto at = records_.lower_bound(name);
  return at != records_.end() && at->first.starts_with(name) && !name.empty() ? at->first : name;
}

}  // namespace bulkhead

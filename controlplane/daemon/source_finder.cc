// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/source_finder.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "controlplane/runtime/docker_source.h"
#include "controlplane/runtime/static_source.h"
#include "spdlog/spdlog.h"

namespace bulkhead {
namespace {

constexpr char kSystemSocket[] = "/run/docker.sock";
constexpr char kSocketsKey[] = "docker_sockets";

// The name stands in the key of every workload, so it must not depend on which other engines there are.
std::unique_ptr<Source> MakeDocker(const std::string& socket, bool plain) {
  DockerOptions options;
  options.socket = socket;
  if (!plain) options.name = options.runtime = absl::StrCat("docker:", socket);
  return std::make_unique<DockerSource>(std::move(options));
}

}  // namespace

SourceFinder::SourceFinder(const Config& config, Store* store, bool resume) : config_(config), store_(store) {
  const absl::StatusOr<std::optional<std::string>> stored = store_->Get(kSocketsKey);
  if (!resume || !stored.ok() || !stored->has_value()) return;
  remembered_ = absl::StrSplit(**stored, '\n', absl::SkipEmpty());
}

std::vector<std::string> SourceFinder::DockerSockets() {
  if (config_.docker_sockets) return *config_.docker_sockets;
  const size_t before = remembered_.size();
  for (std::string& socket : FindDockerSockets()) remembered_.insert(std::move(socket));
  if (remembered_.size() != before) {
    const absl::Status status = store_->Set(kSocketsKey, absl::StrJoin(remembered_, "\n"));
    if (!status.ok()) spdlog::warn("state: {}", std::string(status.message()));
  }
  return {remembered_.begin(), remembered_.end()};
}

std::vector<std::unique_ptr<Source>> SourceFinder::FindNew() {
  std::vector<std::unique_ptr<Source>> out;
  std::error_code error;
  const bool usual = !config_.workloads_dir && std::filesystem::is_directory(kDefaultWorkloadsDir, error);
  const std::string folder = usual ? kDefaultWorkloadsDir : config_.workloads_dir.value_or("");
  if (!folder.empty() && given_.insert(folder).second) out.push_back(std::make_unique<StaticSource>(folder));
  const std::vector<std::string> sockets = DockerSockets();
  for (const std::string& socket : sockets) {
    const bool plain = config_.docker_sockets ? socket == sockets.front() : socket == kSystemSocket;
    if (given_.insert(socket).second) out.push_back(MakeDocker(socket, plain));
  }
  for (const auto& source : out) spdlog::info("source {}", source->Name());
  return out;
}

}  // namespace bulkhead

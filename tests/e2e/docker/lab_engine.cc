// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/docker/lab_engine.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/places/places.h"

namespace bulkhead {
namespace {

const std::string kScript = SourcePath("tests/lab/engine");

std::pair<int, std::string> Run(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) throw std::runtime_error("popen");
  std::string out;
  std::array<char, 4096> bytes{};
  for (size_t n = 0; (n = fread(bytes.data(), 1, bytes.size(), pipe)) > 0;) out.append(bytes.data(), n);
  const int status = pclose(pipe);
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out};
}

std::string MustRun(const std::string& command) {
  const auto [status, out] = Run(command);
  if (status != 0) throw std::runtime_error(absl::StrCat(command, " exited with ", status, ": ", out));
  return out;
}

}  // namespace

std::string LabEngine::WhyNot() {
  const auto [status, out] = Run(kScript + " check 2>&1");
  return status == 0 ? "" : out;
}

LabEngine::LabEngine(const std::string& options)
    : directory_(MustRun(absl::StrCat(kScript, " up --owner ", getpid(), " ", options))) {}

LabEngine::~LabEngine() { Run(absl::StrCat(kScript, " down ", directory_)); }

std::string LabEngine::Shell(const std::string& script) const {
  return MustRun(absl::StrCat("export DOCKER_HOST=unix://", socket(), " DOCKER_CONFIG=", directory_,
                              "/client; unset DOCKER_CONTEXT; { ", script, "\n} 2>&1"));
}

std::string LabEngine::Docker(const std::string& arguments) const { return Shell("docker " + arguments); }

nlohmann::json LabEngine::Inspect(const std::string& name) const { return nlohmann::json::parse(Docker("inspect " + name)).at(0); }

void LabEngine::Stop() const { MustRun(absl::StrCat(kScript, " stop ", directory_)); }

void LabEngine::Start() const { MustRun(absl::StrCat(kScript, " start ", directory_)); }

}  // namespace bulkhead

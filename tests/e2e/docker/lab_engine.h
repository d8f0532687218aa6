// SPDX-License-Identifier: Apache-2.0
// LabEngine: a real Docker Engine that tests/lab/engine runs in a network namespace of its own, for as long as this object lives.
#ifndef BULKHEAD_TESTS_E2E_DOCKER_LAB_ENGINE_H_
#define BULKHEAD_TESTS_E2E_DOCKER_LAB_ENGINE_H_

#include <string>

#include "nlohmann/json.hpp"

namespace bulkhead {

class LabEngine {
 public:
  // Empty: this machine can run one. Else why not, in words for GTEST_SKIP.
  static std::string WhyNot();

  explicit LabEngine(const std::string& options = "");  // throws std::runtime_error
  ~LabEngine();
  LabEngine(const LabEngine&) = delete;
  LabEngine& operator=(const LabEngine&) = delete;

  std::string socket() const { return directory_ + "/docker.sock"; }

  // `docker ARGUMENTS` through the shell; what it prints, without the last newline. Throws if it fails.
  std::string Docker(const std::string& arguments) const;
  // A command line through the shell in which `docker` talks to this engine.
  std::string Shell(const std::string& script) const;
  nlohmann::json Inspect(const std::string& name) const;

  void Stop() const;
  void Start() const;

 private:
  std::string directory_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_E2E_DOCKER_LAB_ENGINE_H_

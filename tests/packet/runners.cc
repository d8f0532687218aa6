// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <iostream>

#include "tests/packet/ebpf_world.h"
#include "tests/packet/runner.h"

namespace bulkhead::packet_test {

// Loading the programs costs far more than a case.
EbpfWorld* SharedWorld() {
  static const std::unique_ptr<EbpfWorld> world = []() -> std::unique_ptr<EbpfWorld> {
    if (const std::string why = lab::WhyNoNamespaces(); !why.empty()) {
      std::cerr << "SKIPPED on ebpf, the cases run on the reference alone: " << why << "\n";
      return nullptr;
    }
    auto created = EbpfWorld::Create();
    if (created.ok()) return *std::move(created);
    ADD_FAILURE() << created.status();
    return nullptr;
  }();
  return world.get();
}

EbpfWorld* SharedXdpWorld() {
  static const std::unique_ptr<EbpfWorld> world = []() -> std::unique_ptr<EbpfWorld> {
    if (SharedWorld() == nullptr) return nullptr;
    auto created = EbpfWorld::CreateXdp(*SharedWorld());
    if (created.ok()) return *std::move(created);
    ADD_FAILURE() << created.status();
    return nullptr;
  }();
  return world.get();
}

std::vector<std::unique_ptr<Runner>> NewRunners() {
  std::vector<std::unique_ptr<Runner>> runners;
  runners.push_back(NewReferenceRunner());
  for (EbpfWorld* world : {SharedWorld(), SharedXdpWorld()}) {
    if (world == nullptr) continue;
    auto runner = NewEbpfRunner(*world);
    if (runner.ok()) {
      runners.push_back(*std::move(runner));
    } else {
      ADD_FAILURE() << runner.status();
    }
  }
  return runners;
}

}  // namespace bulkhead::packet_test

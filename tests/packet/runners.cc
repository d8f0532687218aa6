// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/runner.h"

namespace bulkhead::packet_test {

std::vector<std::unique_ptr<Runner>> NewRunners() {
  std::vector<std::unique_ptr<Runner>> runners;
  runners.push_back(NewReferenceRunner());
  return runners;
}

}  // namespace bulkhead::packet_test

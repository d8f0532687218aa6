// SPDX-License-Identifier: Apache-2.0
// A libFuzzer program of one body. With BULKHEAD_FUZZ_SEEDS=FOLDER in the environment it first writes its seeds there.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const char* folder = std::getenv("BULKHEAD_FUZZ_SEEDS");
  if (folder == nullptr) return 0;
  int number = 0;
  for (const std::string& seed : bulkhead::BULKHEAD_FUZZ_SEEDS()) {
    std::ofstream(std::string(folder) + "/seed-" + std::to_string(++number), std::ios::binary) << seed;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bulkhead::BULKHEAD_FUZZ_BODY({reinterpret_cast<const char*>(data), size});
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/targets.h"

namespace bulkhead {
namespace {

std::string Bytes(const std::vector<int>& bytes) { return std::string(bytes.begin(), bytes.end()); }

}  // namespace

// Answers as servers give them: an alias and an address with compressed names; an IPv6 address; an error.
std::vector<std::string> DnsSeeds() {
  const std::string header = Bytes({0, 7, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0});
  const std::string asked = Bytes({3, 'w', 'w', 'w', 2, 'a', 'b', 0});
  const std::string alias = Bytes({0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, 'c', 0xc0, 16});
  const std::string address = Bytes({0xc0, 36, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1});
  const std::string wide = Bytes({0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  return WithFound({header + asked + Bytes({0, 1, 0, 1}) + alias + address, header + asked + Bytes({0, 28, 0, 1}) + wide + wide,
                    Bytes({0, 7, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0}) + asked + Bytes({0, 1, 0, 1})},
                   "dns");
}

}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <set>
#include <span>
#include <string>

#include "controlplane/learn/dns_answer.h"
#include "tests/fuzz/targets.h"

namespace bulkhead {

void FuzzDnsAnswer(std::string_view bytes) {
  const std::span message(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  const auto whole = learn::ParseDnsAnswer(message, false);
  const auto cut = learn::ParseDnsAnswer(message, true);
  if (whole.size() > cut.size() || cut.size() > learn::kMostDnsRecords) std::abort();
  std::set<std::string> names;
  for (const SeenName& seen : cut) {
    names.insert(seen.name);
    const bool clean = seen.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string::npos;
    if (!clean || seen.name.empty() || seen.name.size() > 253 || seen.name.front() == '.' || seen.name.back() == '.') std::abort();
  }
  if (names.size() > 1) std::abort();  // the one that was asked for
}

}  // namespace bulkhead

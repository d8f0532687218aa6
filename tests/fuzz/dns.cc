// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <span>
#include <string>

#include "controlplane/learn/dns_answer.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/targets.h"

namespace bulkhead {

void FuzzDns(std::string_view bytes) {
  const std::span message(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  const auto whole = learn::ParseDnsAnswer(message, false);
  const auto cut = learn::ParseDnsAnswer(message, true);
  Require(whole.size() <= cut.size() && cut.size() <= learn::kMostDnsRecords, "too many records");
  std::set<std::string> names;
  for (const SeenName& seen : cut) {
    names.insert(seen.name);
    const bool clean = seen.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string::npos;
    const bool sound =
        clean && !seen.name.empty() && seen.name.size() <= 253 && seen.name.front() != '.' && seen.name.back() != '.';
    Require(sound, "no host name", seen.name);
  }
  Require(names.size() <= 1, "names besides the one that was asked for");
}

}  // namespace bulkhead

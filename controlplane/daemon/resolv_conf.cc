// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/resolv_conf.h"

#include "absl/strings/str_split.h"
#include "bulkhead/model/ip.h"

namespace bulkhead {

std::vector<std::string> NameServersOf(std::string_view text) {
  std::vector<std::string> out;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(std::string(text), '\n'))) {
    const std::vector<std::string> words = absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.size() < 2 || words[0] != "nameserver" || out.size() == kMaxNameServers) continue;
    const auto address = IpAddress::Parse(words[1]);
    if (!address || Prefix::Parse("127.0.0.0/8")->Contains(*address) || Prefix::Parse("::1/128")->Contains(*address)) continue;
    out.push_back(address->ToString());
  }
  return out;
}

}  // namespace bulkhead

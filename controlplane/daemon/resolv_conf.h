// SPDX-License-Identifier: Apache-2.0
// Which DNS servers the host itself asks (resolv.conf(5)): a hint for people, never policy. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_DAEMON_RESOLV_CONF_H_
#define BULKHEAD_CONTROLPLANE_DAEMON_RESOLV_CONF_H_

#include <string>
#include <string_view>
#include <vector>

namespace bulkhead {

inline constexpr char kResolvConf[] = "/etc/resolv.conf";
inline constexpr size_t kMaxNameServers = 3;  // as the C library's MAXNS

// The addresses of its `nameserver` lines but loopback ones, which nobody else can ask.
std::vector<std::string> NameServersOf(std::string_view text);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DAEMON_RESOLV_CONF_H_

// SPDX-License-Identifier: Apache-2.0
// MetricsServer: /metrics, and nothing else, on a TCP address, for a Prometheus that cannot read the unix socket. It asks nobody who he
// is: the address is the operator's choice.
//
// Thread safety: Start and the destructor are called by one thread. It has a thread of its own.
#ifndef BULKHEAD_CONTROLPLANE_API_METRICS_SERVER_H_
#define BULKHEAD_CONTROLPLANE_API_METRICS_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "bulkhead/model/ip.h"
#include "controlplane/api/service.h"

namespace bulkhead {

class MetricsServer {
 public:
  static constexpr unsigned kConnections = 8;  // at once; others are refused
  static constexpr unsigned kIdleSeconds = 10;

  // port 0: any that is free. Serves until destroyed; service must outlive it. kUnavailable: the address cannot be had.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(const IpAddress& address, uint16_t port, const std::string& version,
                                                              DaemonService* service);
  virtual ~MetricsServer() = default;

  virtual uint16_t port() const = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_API_METRICS_SERVER_H_

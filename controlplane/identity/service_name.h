// SPDX-License-Identifier: Apache-2.0
// From what an engine says of a workload to the names that people use: trusted labels, namespace, service.
//
// Thread safety: pure functions.
#ifndef BULKHEAD_CONTROLPLANE_IDENTITY_SERVICE_NAME_H_
#define BULKHEAD_CONTROLPLANE_IDENTITY_SERVICE_NAME_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bulkhead/model/common.h"
#include "bulkhead/model/workload.h"
#include "controlplane/runtime/source.h"

namespace bulkhead {

inline constexpr char kServiceLabel[] = "bulkhead.dev/service";
inline constexpr char kNamespaceLabel[] = "bulkhead.dev/namespace";

// What of a workload's labels is kept: engines accept any number of any bytes, written by anybody.
inline constexpr size_t kMaxLabels = 256;
inline constexpr size_t kMaxLabelName = 512;    // bytes
inline constexpr size_t kMaxLabelValue = 4096;  // bytes
inline constexpr size_t kMaxNameBytes = 253;    // of a namespace or service

struct Naming {
  std::string ns;
  std::string service;
  Labels labels;                      // trusted, bounded, with kServiceLabel
  std::vector<NamedPort> named_ports;  // NamePorts
  std::vector<std::string> problems;  // what was left out, for status
};

// Labels that are equal to the image's own are left out unless `trust_image_labels`: images are written by strangers.
Naming NameWorkload(const WorkloadReport& report, bool trust_image_labels);

// The labels that tell services apart, without those that differ between replicas of one.
Labels SecurityLabels(const Labels& labels);

// "registry:5000/shop/db:1.2@sha256:..." -> "db"; "" when there is nothing usable (an image known by its digest only).
std::string ImageBaseName(std::string_view image);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_IDENTITY_SERVICE_NAME_H_

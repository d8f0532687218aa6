// SPDX-License-Identifier: Apache-2.0
// What the kernel can do. Thread safety: see finding.h.
#ifndef BULKHEAD_CONTROLPLANE_DOCTOR_KERNEL_H_
#define BULKHEAD_CONTROLPLANE_DOCTOR_KERNEL_H_

#include <optional>
#include <string>

#include "controlplane/config/config.h"
#include "controlplane/doctor/finding.h"

namespace bulkhead::doctor {

struct KernelFacts {
  std::string release;  // "6.1.0-18-amd64"
  bool root = false;
  bool btf = false;
  bool classifier = false;   // tc programs can be loaded
  bool ring_buffer = false;
  bool membarrier = false;   // MEMBARRIER_CMD_GLOBAL
  bool tcx = false;
  bool bpffs = false;        // mounted at the pin root's place
  std::optional<int> jit;    // net.core.bpf_jit_enable
  std::optional<bool> bridge_tables;  // nftables for bridges; nullopt: the kernel does not tell how it was built
};

KernelFacts ReadKernel(const Config& config);
void CheckKernel(const KernelFacts& facts, const Config& config, Findings* findings);

}  // namespace bulkhead::doctor

#endif  // BULKHEAD_CONTROLPLANE_DOCTOR_KERNEL_H_

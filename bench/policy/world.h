// SPDX-License-Identifier: Apache-2.0
// A cluster of any size to compile policy for: namespaces of ten kinds of workload, each workload with labels and an address of its
// own, and policies as people write them. The same sizes always give the same world.
#ifndef BULKHEAD_BENCH_POLICY_WORLD_H_
#define BULKHEAD_BENCH_POLICY_WORLD_H_

#include <cstddef>

#include "controlplane/policy/compile.h"

namespace bulkhead::bench {

struct Size {
  size_t workloads = 0;
  size_t kinds = 0;
  size_t policies = 0;  // of which one in a hundred stands in a tier around the developers'
};

CompileInput MakeWorld(const Size& size);

// One more workload of the kind; its labels are its own. Numbers from Size::workloads on are new.
KnownIdentity MakeWorkload(size_t number, size_t kind);

// The documents with one rule of one policy changed.
std::shared_ptr<const PolicyDocuments> ChangeOne(const PolicyDocuments& documents, size_t which);

}  // namespace bulkhead::bench

#endif  // BULKHEAD_BENCH_POLICY_WORLD_H_

// SPDX-License-Identifier: Apache-2.0
// Pass 5: subjects that no rule can tell apart share a class.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/policy.h"
#include "controlplane/policy/passes.h"

namespace bulkhead::compile {

PeerKind KindOf(IdentityId identity) {
  if (identity == kIdentityHost) return PeerKind::kHost;
  return identity == kIdentityWorld ? PeerKind::kWorld : PeerKind::kWorkload;
}

ClassMaker::ClassMaker(const Atoms& atoms) : atoms_(atoms) {
  port_sets_.try_emplace({}, 0);
  IdentityPart({}, {});  // number 0
}

uint32_t ClassMaker::IdentityPart(const std::vector<AtomId>& atoms, const std::vector<NamedPort>& named_ports, Newcomer newcomer) {
  Part part{atoms, {}, 0, newcomer};
  for (const NamedPort& port : named_ports) {
    if (std::binary_search(atoms_.port_names.begin(), atoms_.port_names.end(), port.name)) part.ports.push_back(port);
  }
  std::sort(part.ports.begin(), part.ports.end());
  part.port_set = port_sets_.try_emplace(part.ports, static_cast<uint32_t>(port_sets_.size())).first->second;
  const auto [found, added] = part_ids_.try_emplace(PartKey(part.port_set, newcomer, atoms), static_cast<uint32_t>(parts_.size()));
  if (added) parts_.push_back(std::move(part));
  return found->second;
}

uint32_t ClassMaker::ClassOf(IdentityId identity, const std::vector<uint32_t>& cidrs, uint32_t identity_part) {
  auto [blocks, fresh] = block_part_of_cidrs_.try_emplace(cidrs, 0);
  if (fresh) blocks->second = block_parts_.Of(atoms_.OfCidrs(cidrs));
  const PeerKind kind = KindOf(identity);
  const auto [found, added] =
      ids_.try_emplace(std::tuple(kind, identity_part, blocks->second), static_cast<uint32_t>(classes_.size()));
  if (!added) return found->second;
  const Part& part = parts_[identity_part];
  Class& made = classes_.emplace_back();
  made.kind = kind;
  made.part = identity_part;
  made.atoms = atoms_.OfCidrs(cidrs);
  made.atoms.insert(made.atoms.end(), part.atoms.begin(), part.atoms.end());
  std::sort(made.atoms.begin(), made.atoms.end());
  made.ports = part.ports;
  made.port_set = part.port_set;
  made.newcomer = part.newcomer;
  return found->second;
}

// A new atom has the highest number.
void ClassMaker::AddAtom(const std::vector<uint32_t>& ids, AtomId atom) {
  for (const uint32_t id : ids) {
    classes_[id].atoms.push_back(atom);
    std::vector<AtomId>& own = parts_[classes_[id].part].atoms;
    if (own.empty() || own.back() != atom) own.push_back(atom);
  }
  part_ids_.clear();
  for (uint32_t i = 0; i < parts_.size(); ++i) part_ids_.try_emplace(PartKey(parts_[i].port_set, parts_[i].newcomer, parts_[i].atoms), i);
}

absl::Status CheckClasses(uint64_t subjects, uint64_t classes, uint64_t rows) {
  if (subjects > kMaxCompiledSubjects) {
    return absl::ResourceExhaustedError(absl::StrCat("policy needs ", subjects, " subjects, the most is ", kMaxCompiledSubjects));
  }
  if (classes >= BH_NO_ROW) {
    return absl::ResourceExhaustedError(absl::StrCat("policy needs ", classes, " classes, the most is ", BH_NO_ROW - 1));
  }
  // The dataplane pads each row to whole cache lines.
  const uint64_t stride = (classes + BH_CELLS_PER_LINE - 1) / BH_CELLS_PER_LINE * BH_CELLS_PER_LINE;
  const uint64_t cells = 2 * stride * rows;
  if (cells <= BH_MAX_CELLS) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("policy needs ", cells, " matrix cells (2 directions x ", rows, " rows x ",
                                                   classes, " classes, padded), the most is ", BH_MAX_CELLS));
}

}  // namespace bulkhead::compile

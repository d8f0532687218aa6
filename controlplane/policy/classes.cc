// SPDX-License-Identifier: Apache-2.0
// Pass 5: subjects that no rule can tell apart share a class.
#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "bulkhead/abi/policy.h"
#include "controlplane/policy/passes.h"

namespace bulkhead::compile {
namespace {

// Equal values get equal numbers, in the order of their first appearance.
template <typename T>
class Numbering {
 public:
  uint32_t Of(const T& value) { return numbers_.try_emplace(value, static_cast<uint32_t>(numbers_.size())).first->second; }

 private:
  std::map<T, uint32_t> numbers_;
};

std::vector<NamedPort> UsedPorts(const KnownIdentity& known, const std::vector<std::string>& names) {
  std::vector<NamedPort> out;
  for (const NamedPort& port : known.named_ports) {
    if (std::binary_search(names.begin(), names.end(), port.name)) out.push_back(port);
  }
  std::sort(out.begin(), out.end());
  return out;
}

PeerKind KindOf(IdentityId identity) {
  if (identity == kIdentityHost) return PeerKind::kHost;
  return identity == kIdentityWorld ? PeerKind::kWorld : PeerKind::kWorkload;
}

class ClassMaker {
 public:
  ClassMaker(const CompileInput& input, const Atoms& atoms) : atoms_(atoms) {
    port_sets_.Of({});  // number 0
    for (size_t i = 0; i < input.identities.size(); ++i) {
      ports_.push_back(UsedPorts(input.identities[i], atoms.port_names));
      identity_part_.push_back(identity_parts_.Of({port_sets_.Of(ports_[i]), atoms.of_identity[i]}));
    }
  }

  // owner: index of the subject's identity, or -1.
  uint32_t ClassOf(const CompiledSubject& subject, int owner) {
    const PeerKind kind = KindOf(subject.identity);
    const std::vector<AtomId> blocks = atoms_.OfCidrs(subject.cidrs);
    const uint32_t identity_part = owner < 0 ? identity_parts_.Of({0, {}}) : identity_part_[owner];
    const auto [found, added] = ids_.try_emplace(std::tuple(kind, identity_part, block_parts_.Of(blocks)), classes_.size());
    if (added) {
      Class made;
      made.kind = kind;
      made.atoms = Bits(atoms_.count);
      for (const AtomId atom : blocks) made.atoms.Set(atom);
      if (owner >= 0) {
        for (const AtomId atom : atoms_.of_identity[owner]) made.atoms.Set(atom);
        made.ports = ports_[owner];
        made.port_set = port_sets_.Of(made.ports);
      }
      classes_.push_back(std::move(made));
    }
    return found->second;
  }

  std::vector<Class>& classes() { return classes_; }

 private:
  const Atoms& atoms_;
  Numbering<std::vector<NamedPort>> port_sets_;
  Numbering<std::pair<uint32_t, std::vector<AtomId>>> identity_parts_;
  Numbering<std::vector<AtomId>> block_parts_;
  std::vector<std::vector<NamedPort>> ports_;  // [identity]
  std::vector<uint32_t> identity_part_;        // [identity]
  std::map<std::tuple<PeerKind, uint32_t, uint32_t>, uint32_t> ids_;
  std::vector<Class> classes_;
};

absl::Status CheckCounts(const CompiledPolicy& policy) {
  // The dataplane pads each row to whole cache lines.
  const uint64_t stride = (policy.classes + BH_CELLS_PER_LINE - 1) / BH_CELLS_PER_LINE * BH_CELLS_PER_LINE;
  const uint64_t cells = 2 * stride * policy.rows;
  if (policy.classes >= BH_NO_ROW) {
    return absl::ResourceExhaustedError(absl::StrCat("policy needs ", policy.classes, " classes, the most is ", BH_NO_ROW - 1));
  }
  if (cells > BH_MAX_CELLS) {
    return absl::ResourceExhaustedError(absl::StrCat("policy needs ", cells, " matrix cells (2 directions x ", policy.rows,
                                                     " rows x ", policy.classes, " classes, padded), the most is ", BH_MAX_CELLS));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Class>> MakeClasses(const CompileInput& input, const Atoms& atoms, const std::vector<int>& owner,
                                               CompiledPolicy* policy) {
  if (policy->subjects.size() > BH_MAX_SUBJECTS) {
    return absl::ResourceExhaustedError(
        absl::StrCat("policy needs ", policy->subjects.size(), " subjects, the most is ", BH_MAX_SUBJECTS));
  }
  ClassMaker maker(input, atoms);
  std::vector<uint32_t> class_of;
  for (size_t i = 0; i < policy->subjects.size(); ++i) class_of.push_back(maker.ClassOf(policy->subjects[i], owner[i]));
  std::vector<Class>& classes = maker.classes();
  policy->classes = static_cast<uint32_t>(classes.size());

  const auto is_local = [&](size_t i) { return owner[i] >= 0 ? input.identities[owner[i]].local : i == kSubjectUnknown; };
  std::vector<bool> local(classes.size());
  for (size_t i = 0; i < class_of.size(); ++i) {
    if (is_local(i)) local[class_of[i]] = true;
  }
  policy->rows = static_cast<uint32_t>(std::count(local.begin(), local.end(), true));
  if (const absl::Status status = CheckCounts(*policy); !status.ok()) return status;

  uint16_t rows = 0;
  for (size_t i = 0; i < classes.size(); ++i) {
    if (local[i]) classes[i].row = rows++;
  }
  for (size_t i = 0; i < class_of.size(); ++i) {
    policy->subjects[i].class_id = static_cast<ClassId>(class_of[i]);
    policy->subjects[i].row = classes[class_of[i]].row;
  }
  return std::move(classes);
}

}  // namespace bulkhead::compile

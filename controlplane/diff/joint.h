// SPDX-License-Identifier: Apache-2.0
// JointClasses: subjects that neither of two policies tells apart. Pure; any thread.
#ifndef BULKHEAD_CONTROLPLANE_DIFF_JOINT_H_
#define BULKHEAD_CONTROLPLANE_DIFF_JOINT_H_

#include <cstdint>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controlplane/diff/pair.h"

namespace bulkhead {

// What one of the policies makes of a subject.
struct ClassView {
  ClassId id = 0;
  uint16_t row = kNoRow;
  Mode mode = Mode::kLearn;

  bool operator==(const ClassView&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const ClassView& view) {
    return H::combine(std::move(state), view.id, view.row, view.mode);
  }
};

using JointClass = std::pair<ClassView, ClassView>;  // before, after

struct JointClasses {
  std::vector<JointClass> classes;
  std::vector<uint32_t> of_subject;  // by SubjectId: index into classes

  bool HasRow(uint32_t joint) const { return classes[joint].first.row != kNoRow || classes[joint].second.row != kNoRow; }
};

inline JointClasses JoinClasses(const PolicyPair& pair) {
  JointClasses out;
  absl::flat_hash_map<JointClass, uint32_t> numbers;
  const auto view = [](const CompiledSubject& subject) { return ClassView{subject.class_id, subject.row, subject.mode}; };
  for (size_t i = 0; i < pair.before->subjects.size(); ++i) {
    const JointClass joint(view(pair.before->subjects[i]), view(pair.after->subjects[i]));
    const auto [found, added] = numbers.try_emplace(joint, static_cast<uint32_t>(out.classes.size()));
    if (added) out.classes.push_back(joint);
    out.of_subject.push_back(found->second);
  }
  return out;
}

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROLPLANE_DIFF_JOINT_H_

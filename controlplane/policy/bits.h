// SPDX-License-Identifier: Apache-2.0
// Bits: a set of small numbers. All operands of an operation have the same size.
#ifndef BULKHEAD_CONTROLPLANE_POLICY_BITS_H_
#define BULKHEAD_CONTROLPLANE_POLICY_BITS_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bulkhead::compile {

class Bits {
 public:
  Bits() = default;
  explicit Bits(size_t size) : words_((size + 63) / 64) {}
  static Bits All(size_t size) {
    Bits bits(size);
    for (size_t i = 0; i < size; ++i) bits.Set(i);
    return bits;
  }

  void Set(size_t i) { words_[i / 64] |= uint64_t{1} << (i % 64); }
  bool Test(size_t i) const { return (words_[i / 64] >> (i % 64) & 1) != 0; }

  void And(const Bits& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
  }
  void AndNot(const Bits& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
  }
  void Or(const Bits& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }

  template <typename Visit>
  void ForEach(Visit visit) const {
    for (size_t i = 0; i < words_.size(); ++i) {
      for (uint64_t word = words_[i]; word != 0; word &= word - 1) visit(i * 64 + static_cast<size_t>(std::countr_zero(word)));
    }
  }

 private:
  std::vector<uint64_t> words_;
};

}  // namespace bulkhead::compile

#endif  // BULKHEAD_CONTROLPLANE_POLICY_BITS_H_

// SPDX-License-Identifier: Apache-2.0
// A random scene, as a list of steps that can be played again without some of them: so a difference between the backends shrinks to
// what it takes.
#ifndef BULKHEAD_TESTS_PACKET_SCENE_H_
#define BULKHEAD_TESTS_PACKET_SCENE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/packet/stage.h"

namespace bulkhead::packet_test {

struct Step {
  std::string text;
  std::function<void(Stage&)> play;
};

struct Scene {
  Setting setting;  // at the start
  std::vector<Step> steps;
};

// How often packets met each reason; -1: an entry.
using Seen = std::map<int, uint64_t>;

// A scene of that many packets, and of changes of who is there and what is allowed between them. seen must outlive the scene.
Scene RandomScene(uint64_t seed, uint64_t packets, Seen& seen);

// The first differences between the backends; empty: there are none.
std::string Play(const Scene& scene);

// The scene without the steps that its differences do not need. It must have some.
Scene Shrink(Scene scene);

}  // namespace bulkhead::packet_test

#endif  // BULKHEAD_TESTS_PACKET_SCENE_H_

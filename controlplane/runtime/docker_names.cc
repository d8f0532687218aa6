// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <string_view>

#include "controlplane/runtime/docker_decode.h"

namespace bulkhead {
namespace {

// The engine's adjectives, in order; the list has been closed to additions since 2022. The surnames are many and need not be known.
constexpr std::string_view kAdjectives[] = {
    "admiring",    "adoring",       "affectionate", "agitated",   "amazing",    "angry",       "awesome",     "beautiful",
    "blissful",    "bold",          "boring",       "brave",      "busy",       "charming",    "clever",      "compassionate",
    "competent",   "condescending", "confident",    "cool",       "cranky",     "crazy",       "dazzling",    "determined",
    "distracted",  "dreamy",        "eager",        "ecstatic",   "elastic",    "elated",      "elegant",     "eloquent",
    "epic",        "exciting",      "fervent",      "festive",    "flamboyant", "focused",     "friendly",    "frosty",
    "funny",       "gallant",       "gifted",       "goofy",      "gracious",   "great",       "happy",       "hardcore",
    "heuristic",   "hopeful",       "hungry",       "infallible", "inspiring",  "intelligent", "interesting", "jolly",
    "jovial",      "keen",          "kind",         "laughing",   "loving",     "lucid",       "magical",     "modest",
    "musing",      "mystifying",    "naughty",      "nervous",    "nice",       "nifty",       "nostalgic",   "objective",
    "optimistic",  "peaceful",      "pedantic",     "pensive",    "practical",  "priceless",   "quirky",      "quizzical",
    "recursing",   "relaxed",       "reverent",     "romantic",   "sad",        "serene",      "sharp",       "silly",
    "sleepy",      "stoic",         "strange",      "stupefied",  "suspicious", "sweet",       "tender",      "thirsty",
    "trusting",    "unruffled",     "upbeat",       "vibrant",    "vigilant",   "vigorous",    "wizardly",    "wonderful",
    "xenodochial", "youthful",      "zealous",      "zen"};
static_assert(std::is_sorted(std::begin(kAdjectives), std::end(kAdjectives)));

bool IsWord(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

}  // namespace

bool IsDockerGeneratedName(std::string_view name) {
  const size_t underscore = name.find('_');
  if (underscore == std::string_view::npos) return false;
  std::string_view surname = name.substr(underscore + 1);
  // After a few clashes the engine appends a digit.
  if (!surname.empty() && surname.back() >= '0' && surname.back() <= '9') surname.remove_suffix(1);
  return IsWord(surname) && std::binary_search(std::begin(kAdjectives), std::end(kAdjectives), name.substr(0, underscore));
}

}  // namespace bulkhead

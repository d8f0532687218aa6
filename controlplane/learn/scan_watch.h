// SPDX-License-Identifier: Apache-2.0
// ScanWatch: finds sources that behave like scanners, while edges are recorded.
//
// A threshold random walk (Jung, Paxson, Berger, Balakrishnan: Fast Portscan Detection Using Sequential Hypothesis Testing, IEEE
// S&P 2004): each first contact (of a source with a destination and port that has never answered it) is a step, up when it fails,
// down when it is answered. With their theta0 = 0.8 (a first contact of somebody benign succeeds) and theta1 = 0.2 (of a scanner),
// a step is ln 4 either way. Upwards it ends at ln((1 - beta) / alpha) = ln(0.99 / 0.001), five failures more than answers. The
// walk does not fall below 0, so that one who was good for long has no credit to scan with (Schechter, Jung, Berger: Fast Detection
// of Scanning Worm Infections, RAID 2004, 3.1). The same contact fails only once: a client of one dead server is no scanner.
// A first contact that has no answer after kAnswerSeconds has failed. Steps are taken in the order of the contacts, once it is
// known.
//
// Scanning whose every probe is answered is seen by its width: kFanOut first contacts of services within one window.
//
// Who is found is quarantined for the windows in which its contacts failed, the present one included; and again for each further
// window in which one fails. The walk ends after kIdleWindows without a failure.
//
// State is in memory, bounded by kMaxSources and, all walks together, kMaxRemembered: some tens of megabytes. Sources outside,
// which can be made up at will, get half of that. A contact for which there is no room is not looked at. What a restart forgets is
// a walk that was still below its threshold. Thread safety: one thread at a time.
#ifndef BULKHEAD_CONTROLPLANE_LEARN_SCAN_WATCH_H_
#define BULKHEAD_CONTROLPLANE_LEARN_SCAN_WATCH_H_

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "bulkhead/model/ip.h"
#include "controlplane/learn/evidence.h"

namespace bulkhead::learn {

inline constexpr int kScanFailures = 5;  // more than answers
inline constexpr uint64_t kAnswerSeconds = 3;
inline constexpr size_t kFanOut = 64;
inline constexpr uint64_t kIdleWindows = 24;
inline constexpr size_t kMaxSources = 16'384;
inline constexpr size_t kMaxPending = 65'536;
// Failed contacts that a walk remembers, the latest ones: it is far over its threshold with so many.
inline constexpr size_t kMaxFailedEdges = 64;
// Windows, and contacts in them or failed.
inline constexpr size_t kMaxRemembered = 262'144;

class ScanWatch {
 public:
  struct Source {
    int64_t party = 0;  // row
    IpAddress peer;     // of an outside source
    auto operator<=>(const Source&) const = default;
  };
  // What one drain says about an edge that had not been answered before it.
  struct Contact {
    Source source;
    int64_t edge = 0;     // row
    bool inside = false;  // its destination is a service
    bool answered = false;
    uint64_t workloads = 0;  // bits of who made it
  };
  struct Found {
    Source source;
    uint64_t start = 0;
    uint64_t workloads = 0;
    ScanReason reason = ScanReason::kFailures;
    uint64_t contacts = 0, failures = 0;
  };

  // window: the start of the present one.
  void See(const Contact& contact, uint64_t now, uint64_t window);
  // The windows to quarantine that changed since the last call. Contacts are judged here, kAnswerSeconds after they were seen.
  std::vector<Found> Judge(uint64_t now, uint64_t window, uint64_t window_seconds);
  // Contacts wait for their answer, so Judge has something to do although nothing new is seen.
  bool IsWaiting() const { return !waiting_.empty(); }
  // At most kMaxRemembered.
  size_t remembered() const { return remembered_; }

 private:
  struct Tally {
    uint64_t contacts = 0, failures = 0;
    std::set<int64_t> inside;  // edges, at most kFanOut
    bool changed = false;
  };
  struct Walk {
    int score = 0;
    std::set<int64_t> failed;                // edges, at most kMaxFailedEdges
    std::array<uint32_t, 64> by_workload{};  // failures with that bit
    uint64_t failures = 0;
    uint64_t last_failure = 0;          // start of the window
    std::map<uint64_t, Tally> windows;  // by start, at most kIdleWindows
  };
  struct Waiting {
    Contact contact;
    uint64_t since = 0, window = 0;
  };

  Walk* WalkOf(const Source& source);
  // nullptr: there is no room.
  Tally* TallyOf(const Source& source, Walk* walk, uint64_t window);
  bool HasRoom(const Source& source) const;
  void Forget(const Tally& tally) { remembered_ -= 1 + tally.inside.size(); }
  void Resolve(const Contact& contact, uint64_t window);
  void Fail(const Contact& contact, uint64_t window);
  static uint64_t Suspects(const Walk& walk);

  std::map<Source, Walk> walks_;
  size_t remembered_ = 0;               // by all walks
  std::map<int64_t, Waiting> waiting_;  // by edge: rows are numbered in the order in which they were seen first
};

}  // namespace bulkhead::learn

#endif  // BULKHEAD_CONTROLPLANE_LEARN_SCAN_WATCH_H_

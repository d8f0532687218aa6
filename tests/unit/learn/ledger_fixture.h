// SPDX-License-Identifier: Apache-2.0
// A ledger in a folder of its own, and edges of the dataplane to record in it.
#ifndef BULKHEAD_TESTS_UNIT_LEARN_LEDGER_FIXTURE_H_
#define BULKHEAD_TESTS_UNIT_LEARN_LEDGER_FIXTURE_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/learn/ledger.h"

namespace bulkhead::learn {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr IdentityId kWeb = 16, kDb = 17, kStranger = 99;

class LedgerTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/bulkhead-learn-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    Reopen();
  }
  void TearDown() override {
    ledger_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Reopen(const LearnLimits& limits = {}) {
    ledger_.reset();
    auto opened = Ledger::Open(folder_ + "/state.db", limits);
    ASSERT_TRUE(opened.ok()) << opened.status();
    ledger_ = *std::move(opened);
  }

  const Identity* Lookup(IdentityId id) const { return id == kWeb ? &web_ : id == kDb ? &db_ : nullptr; }

  absl::StatusOr<RecordResult> Record(const std::vector<EdgeRecord>& edges) {
    return ledger_->Record(
        edges, [this](IdentityId id) { return Lookup(id); }, now_);
  }

  Evidence Load() {
    auto evidence = ledger_->Load();
    EXPECT_TRUE(evidence.ok()) << evidence.status();
    return evidence.ok() ? *std::move(evidence) : Evidence{};
  }

  static EdgeRecord WebToDb(uint64_t flows, uint64_t answered, uint64_t created = 10 * kSecond) {
    EdgeRecord edge;
    edge.source_identity = kWeb;
    edge.destination_identity = kDb;
    edge.protocol = kProtoTcp;
    edge.port = 5432;
    edge.flows = flows;
    edge.answered = answered;
    edge.first_seen = created;
    edge.last_seen = created + 20 * kSecond;
    return edge;
  }
  static EdgeRecord FromOutside(uint32_t address, uint64_t answered) {
    EdgeRecord edge = WebToDb(1, answered);
    edge.source_identity = kIdentityWorld;
    edge.peer = IpAddress::V4(198, 18, static_cast<uint8_t>(address >> 8), static_cast<uint8_t>(address));
    return edge;
  }

  std::string folder_;
  std::unique_ptr<Ledger> ledger_;
  LearnMoment now_{1'000'000, 100 * kSecond};
  Identity web_{kWeb, "shop", "web", {{"app", "web"}, {"odd", std::string("a\0:\n", 4)}}, "sha256:aa"};
  Identity db_{kDb, "shop", "db", {{"app", "db"}}, "sha256:bb"};
};

}  // namespace bulkhead::learn

#endif  // BULKHEAD_TESTS_UNIT_LEARN_LEDGER_FIXTURE_H_

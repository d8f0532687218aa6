// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/versions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/learn/evidence_builder.h"

namespace bulkhead::learn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class VersionsTest : public testing::Test {
 protected:
  VersionsTest()
      : old_(seen_.Service("shop", "web", {}, "sha256:aaaa1111")),
        new_(seen_.Service("shop", "web", {}, "sha256:aaaa2222")),
        db_(seen_.Service("shop", "db", {}, "sha256:dddd")),
        mail_(seen_.Service("shop", "mail", {}, "sha256:eeee")) {}

  // One line for each edge that differs.
  std::vector<std::string> Diff(std::string_view from = "", std::string_view to = "") {
    const absl::StatusOr<VersionDiff> diff = DiffVersions(seen_.Get(), {"shop", "web"}, from, to);
    if (!diff.ok()) return {std::string(diff.status().message())};
    old_digest_ = diff->old_digest;
    new_digest_ = diff->new_digest;
    std::vector<std::string> out;
    for (const VersionEdge& edge : diff->edges) {
      out.push_back(std::string(EdgeChangeName(edge.change)) + " " + edge.edge + (edge.was.empty() ? "" : " was " + edge.was));
    }
    return out;
  }
  void Later(size_t source, size_t destination, uint16_t port) {
    Edge& edge = seen_.Answered(source, destination, port);
    edge.first_seen += 7200;
    edge.last_seen += 7200;
  }

  EvidenceBuilder seen_;
  size_t old_, new_, db_, mail_;
  std::string old_digest_, new_digest_;
};

TEST_F(VersionsTest, AddedGoneChangedAndTheSame) {
  seen_.Answered(old_, db_, 5432);
  seen_.Answered(old_, mail_, 25);
  seen_.Answered(db_, old_, 8080);
  Later(new_, db_, 5432);
  Later(new_, mail_, 587);
  Later(db_, new_, 8080);
  Later(mail_, new_, 80);
  EXPECT_THAT(Diff(), ElementsAre("added shop/mail->shop/web:80/tcp",
                                  "changed shop/web->shop/mail:587/tcp was shop/web->shop/mail:25/tcp"));
  EXPECT_EQ(old_digest_, "sha256:aaaa1111");
  EXPECT_EQ(new_digest_, "sha256:aaaa2222");
  EXPECT_THAT(Diff("aaaa2222", "aaaa1111"),
              ElementsAre("gone shop/mail->shop/web:80/tcp", "changed shop/web->shop/mail:25/tcp was shop/web->shop/mail:587/tcp"));
}

TEST_F(VersionsTest, OfSeveralPortsEachIsAddedOrGone) {
  seen_.Answered(old_, db_, 1);
  seen_.Answered(old_, db_, 2);
  Later(new_, db_, 2);
  Later(new_, db_, 3);
  Later(new_, db_, 4);
  EXPECT_THAT(Diff(),
              ElementsAre("gone shop/web->shop/db:1/tcp", "added shop/web->shop/db:3/tcp", "added shop/web->shop/db:4/tcp"));
}

TEST_F(VersionsTest, WhatWasNeverAnsweredOrComesFromTheHostDoesNotCount) {
  seen_.Answered(old_, db_, 5432);
  Later(new_, db_, 5432);
  seen_.Add(new_, mail_, kProtoTcp, 25, 10, 0);
  Later(EvidenceBuilder::kHost, new_, 9000);
  EXPECT_THAT(Diff(), IsEmpty());
}

TEST_F(VersionsTest, AnotherServiceOfTheSameImageIsNotThisOne) {
  const size_t twin = seen_.Service("shop", "twin", {}, "sha256:aaaa2222");
  seen_.Answered(old_, db_, 5432);
  Later(new_, db_, 5432);
  Later(twin, mail_, 25);
  EXPECT_THAT(Diff(), IsEmpty());
}

TEST_F(VersionsTest, TheTwoThatWereSeenFirstMostLately) {
  const size_t between = seen_.Service("shop", "web", {}, "sha256:0000");
  Later(new_, db_, 5432);
  seen_.Answered(old_, db_, 5432).first_seen -= 7200;
  seen_.Answered(between, db_, 5432);
  EXPECT_THAT(Diff(), IsEmpty());
  EXPECT_EQ(old_digest_, "sha256:0000");
  EXPECT_EQ(new_digest_, "sha256:aaaa2222");
}

TEST_F(VersionsTest, WhatCannotBeCompared) {
  EXPECT_THAT(Diff(), ElementsAre(HasSubstr("no traffic of shop/web has been seen")));
  seen_.Answered(old_, db_, 5432);
  EXPECT_THAT(Diff(), ElementsAre(HasSubstr("only one image of shop/web has been seen: sha256:aaaa1111")));
  Later(new_, db_, 5432);
  EXPECT_THAT(Diff("aaaa", "aaaa2222"), ElementsAre(HasSubstr("could be 2 digests")));
  EXPECT_THAT(Diff("bbbb", "aaaa2222"), ElementsAre(HasSubstr("no image bbbb of shop/web has been seen")));
}

}  // namespace
}  // namespace bulkhead::learn

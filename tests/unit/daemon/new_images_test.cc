// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/new_images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "controlplane/daemon/resolv_conf.h"

namespace bulkhead {
namespace {

using testing::ElementsAre;

class NewImagesTest : public testing::Test {
 protected:
  void Make(NewImage choice = NewImage::kReview) {
    images_ = std::make_unique<NewImages>(store_.get(), &interner_, choice, 3600);
    EXPECT_TRUE(images_->Load().ok());
  }
  IdentityId Run(const std::string& service, const std::string& digest) {
    const IdentityId id = interner_.Intern("shop", service, {{"app", service}}, digest);
    live_[id];
    return id;
  }
  std::vector<IdentityId> At(uint64_t now) {
    EXPECT_TRUE(images_->Sync(live_, modes_, now).ok());
    std::vector<IdentityId> out;
    for (const auto& [id, newcomer] : images_->newcomers()) out.push_back(id);
    return out;
  }

  std::unique_ptr<Store> store_ = *Store::Open(":memory:");
  IdentityInterner interner_;
  std::map<IdentityId, std::set<IpAddress>> live_;
  Modes modes_{.global = Mode::kEnforce, .namespaces = {}, .services = {}};
  std::unique_ptr<NewImages> images_;
};

TEST_F(NewImagesTest, TheFirstOnesAreNoNewcomersAndTheNextOneIs) {
  Make();
  Run("web", "sha256:a");
  Run("web", "sha256:b");
  EXPECT_THAT(At(1000), ElementsAre());
  const IdentityId next = Run("web", "sha256:c");
  Run("db", "sha256:c");
  EXPECT_THAT(At(2000), ElementsAre(next));
  EXPECT_EQ(images_->newcomers().at(next).kind, Newcomer::kReported);
  EXPECT_EQ(images_->newcomers().at(next).since, 2000u);
  EXPECT_EQ(images_->newcomers().at(next).until, 5600u);
}

TEST_F(NewImagesTest, ItsTimeEndsAndARestartDoesNotRenewIt) {
  Make();
  Run("web", "sha256:a");
  At(1000);
  const IdentityId next = Run("web", "sha256:b");
  EXPECT_THAT(At(2000), ElementsAre(next));
  Make();
  EXPECT_THAT(At(5599), ElementsAre(next));
  EXPECT_THAT(At(5600), ElementsAre());
  Make();
  EXPECT_THAT(At(5601), ElementsAre());
}

TEST_F(NewImagesTest, AChangeWhileTheDaemonIsDownIsFound) {
  Make();
  Run("web", "sha256:a");
  At(1000);
  Make();
  live_.clear();
  const IdentityId next = Run("web", "sha256:b");
  EXPECT_THAT(At(9000), ElementsAre(next));
}

TEST_F(NewImagesTest, WhatComesWhileItLearnsIsNoNewcomer) {
  Make();
  modes_.global = Mode::kLearn;
  Run("web", "sha256:a");
  At(1000);
  Run("web", "sha256:b");
  EXPECT_THAT(At(2000), ElementsAre());
  modes_.global = Mode::kEnforce;
  EXPECT_THAT(At(2001), ElementsAre());
  Run("web", "sha256:a");
  EXPECT_THAT(At(2002), ElementsAre());
}

TEST_F(NewImagesTest, OneThatStopsKeepsItsPlace) {
  Make();
  Run("web", "sha256:a");
  At(1000);
  const IdentityId next = Run("web", "sha256:b");
  At(2000);
  live_.erase(next);
  EXPECT_THAT(At(2001), ElementsAre(next));
  EXPECT_THAT(At(5600), ElementsAre());
}

TEST_F(NewImagesTest, TheChoiceIsTheConfigs) {
  Make(NewImage::kLearn);
  Run("web", "sha256:a");
  At(1000);
  const IdentityId next = Run("web", "sha256:b");
  At(2000);
  EXPECT_EQ(images_->newcomers().at(next).kind, Newcomer::kAdmitted);
  Make(NewImage::kEnforce);
  Run("web", "sha256:c");
  EXPECT_THAT(At(7000), ElementsAre());
}

TEST_F(NewImagesTest, WithoutADigestThereIsNoVersion) {
  Make();
  Run("web", "");
  At(1000);
  Run("web", "sha256:a");
  EXPECT_THAT(At(2000), ElementsAre());
}

TEST_F(NewImagesTest, DigestsAreBoundedAndLiveOnesStay) {
  Make();
  const IdentityId first = Run("web", "sha256:first");
  At(1);
  for (uint64_t i = 0; i < 3 * kMaxDigests; ++i) {
    const IdentityId passing = Run("web", absl::StrCat("sha256:", i));
    At(10 + i);
    live_.erase(passing);
  }
  const auto stored = store_->Get("image_digests");
  ASSERT_TRUE(stored.ok() && stored->has_value());
  EXPECT_EQ(DecodeLabels(**stored)->size(), kMaxDigests);
  EXPECT_THAT(At(100'000), ElementsAre());
  EXPECT_TRUE(live_.contains(first));
}

TEST_F(NewImagesTest, ServicesThatAreGoneGiveWay) {
  Make();
  for (size_t i = 0; i < kMaxServices + 10; ++i) Run(absl::StrCat("s", i), "sha256:1");
  At(10);
  EXPECT_EQ(DecodeLabels(**store_->Get("image_digests"))->size(), kMaxServices + 10) << "all of them live";
  live_.clear();
  At(11);
  EXPECT_EQ(DecodeLabels(**store_->Get("image_digests"))->size(), kMaxServices);
}

TEST_F(NewImagesTest, WhatCannotBeReadIsSaid) {
  ASSERT_TRUE(store_->Set("image_digests", EncodeLabels({{"nonsense", "1 2"}})).ok());
  NewImages images(store_.get(), &interner_, NewImage::kReview, 3600);
  EXPECT_EQ(images.Load().code(), absl::StatusCode::kDataLoss);
  const std::string strange = EncodeLabels({{EncodeLabels({{"a", "1"}, {"b", "2"}, {"c", "3"}}), "1 2"}});
  ASSERT_TRUE(store_->Set("image_digests", strange).ok());
  EXPECT_EQ(images.Load().code(), absl::StatusCode::kDataLoss) << "three names, but not those";
}

TEST(ResolvConf, NameServersButLoopback) {
  EXPECT_THAT(NameServersOf("# nameserver 203.0.113.1\nnameserver 127.0.0.53\nsearch lan\nnameserver\t203.0.113.53 \nnameserver ::1\n"
                            "nameserver fd00::53\nnameserver nonsense\nnameserver 203.0.113.54\nnameserver 203.0.113.55\n"),
              ElementsAre("203.0.113.53", "fd00::53", "203.0.113.54"));
  EXPECT_THAT(NameServersOf(""), ElementsAre());
}

}  // namespace
}  // namespace bulkhead

// SPDX-License-Identifier: Apache-2.0
#include "controlplane/learn/selectors.h"

#include <gtest/gtest.h>

namespace bulkhead::learn {
namespace {

Labels With(const std::string& service, Labels labels) {
  labels["bulkhead.dev/service"] = service;
  return labels;
}

Labels Chosen(const Census& census, const std::string& service) {
  return SelectServices(census).at({"shop", service}).match_labels;
}

TEST(SelectorsTest, PrefersTheLabelThatNamesTheService) {
  Census census;
  census["shop"]["db"] = {With("db", {{"a-team", "green"}, {"app", "db"}, {"tier", "data"}})};
  census["shop"]["web"] = {With("web", {{"app", "web"}})};
  EXPECT_EQ(Chosen(census, "db"), (Labels{{"app", "db"}}));
}

TEST(SelectorsTest, HoldsForEveryVersionOfTheService) {
  Census census;
  census["shop"]["db"] = {With("db", {{"app", "db"}, {"version", "1"}}), With("db", {{"k8s-app", "db"}, {"app", "db"}})};
  EXPECT_EQ(Chosen(census, "db"), (Labels{{"app", "db"}}));
  census["shop"]["db"].insert(With("db", {{"k8s-app", "db"}}));
  EXPECT_EQ(Chosen(census, "db"), (Labels{{"bulkhead.dev/service", "db"}}));
}

TEST(SelectorsTest, TakesASecondLabelWhereOneIsNotEnough) {
  Census census;
  census["shop"]["read"] = {With("read", {{"app", "db"}, {"role", "replica"}, {"zone", "z"}})};
  census["shop"]["write"] = {With("write", {{"app", "db"}, {"role", "primary"}, {"zone", "z"}})};
  census["shop"]["cache"] = {With("cache", {{"app", "cache"}, {"role", "replica"}, {"zone", "z"}})};
  EXPECT_EQ(Chosen(census, "read"), (Labels{{"app", "db"}, {"role", "replica"}}));
  EXPECT_EQ(Chosen(census, "write"), (Labels{{"role", "primary"}}));
}

TEST(SelectorsTest, NeverRestsOnWhatTheNextReleaseChanges) {
  Census census;
  census["shop"]["a"] = {
      With("a", {{"version", "1"}, {"org.opencontainers.image.title", "a"}, {"com.docker.compose.project", "x"}})};
  census["shop"]["b"] = {With("b", {{"version", "2"}})};
  EXPECT_EQ(Chosen(census, "a"), (Labels{{"bulkhead.dev/service", "a"}}));
}

TEST(SelectorsTest, LeavesOutWhatNoSelectorCanSay) {
  Census census;
  census["shop"]["a"] = {With("a", {{"app", "two words"}, {"bad key!", "a"}, {"name", ""}})};
  EXPECT_EQ(Chosen(census, "a"), (Labels{{"bulkhead.dev/service", "a"}}));
}

TEST(SelectorsTest, OtherNamespacesDoNotMatter) {
  Census census;
  census["shop"]["a"] = {With("a", {{"app", "x"}})};
  census["lab"]["b"] = {With("b", {{"app", "x"}})};
  EXPECT_EQ(Chosen(census, "a"), (Labels{{"app", "x"}}));
}

TEST(SelectorsTest, CountsRunningWorkloadsAsNeighboursButNotTheHosts) {
  View view;
  Workload neighbour;
  neighbour.ns = "shop";
  neighbour.service = "silent";
  neighbour.labels = With("silent", {{"app", "x"}});
  view.workloads["static/1"] = neighbour;
  Evidence evidence;
  evidence.parties.push_back({PartyKind::kService, "shop", "a", With("a", {{"app", "x"}}), "", kFirstIdentity});
  EXPECT_EQ(Chosen(TakeCensus(evidence, view), "a"), (Labels{{"bulkhead.dev/service", "a"}}));
  view.workloads["static/1"].host_network = true;
  EXPECT_EQ(Chosen(TakeCensus(evidence, view), "a"), (Labels{{"app", "x"}}));
}

}  // namespace
}  // namespace bulkhead::learn

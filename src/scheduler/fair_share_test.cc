#include "scheduler/fair_share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

namespace burrow::scheduler {
namespace {

using ::testing::ElementsAre;

struct Pool {
  std::vector<StartClaim> claims;
  std::vector<WorkspaceShare> workspaces;

  // Serves claims until `room` is taken, or nobody may have more.
  void Serve(uint32_t room) {
    for (; room > 0; --room) {
      const auto next = NextStart(claims, workspaces);
      if (!next) return;
      claims[*next].wanted--;
      claims[*next].containers++;
      workspaces[claims[*next].workspace].Add(claims[*next].each);
    }
  }
  std::vector<uint32_t> Containers() const {
    std::vector<uint32_t> counts;
    for (const auto& claim : claims) counts.push_back(claim.containers);
    return counts;
  }
};

WorkspaceBounds AnyBounds() {
  return {.containers = *rc::gen::inRange(0u, 9u),
          .cpus = *rc::gen::inRange(0, 9) / 2.0,
          .memory = *rc::gen::inRange<uint64_t>(0, 20)};
}

Pool AnyPool() {
  Pool pool;
  const auto count = *rc::gen::inRange<size_t>(1, 5);
  for (size_t i = 0; i < count; ++i) pool.workspaces.push_back({.bounds = AnyBounds()});
  const auto functions = *rc::gen::inRange<size_t>(0, 12);
  for (size_t i = 0; i < functions; ++i) {
    const StartClaim claim{.workspace = *rc::gen::inRange<size_t>(0, count),
                           .containers = *rc::gen::inRange(0u, 4u),
                           .each = {.cpus = *rc::gen::inRange(1, 5) / 4.0, .memory = *rc::gen::inRange<uint64_t>(1, 5)},
                           .wanted = *rc::gen::inRange(0u, 9u)};
    pool.claims.push_back(claim);
    for (uint32_t had = 0; had < claim.containers; ++had) pool.workspaces[claim.workspace].Add(claim.each);
  }
  return pool;
}

TEST(FairShare, SharesBetweenWorkspacesHoweverManyFunctionsEachHas) {
  Pool pool{.claims = {{.workspace = 0, .wanted = 9}, {.workspace = 0, .wanted = 9}, {.workspace = 1, .wanted = 9}},
            .workspaces = {{}, {}}};
  pool.Serve(8);
  EXPECT_THAT(pool.Containers(), ElementsAre(2, 2, 4));
}

TEST(FairShare, ServesFirstWhoHasLeastAndThenWhoWaitsLongest) {
  const std::vector<WorkspaceShare> one = {{.containers = 3}};
  EXPECT_EQ(NextStart(std::vector<StartClaim>{{.containers = 2, .wanted = 1}, {.containers = 1, .wanted = 1}}, one),
            1u);
  EXPECT_EQ(NextStart(std::vector<StartClaim>{{.containers = 1, .wanted = 1}, {.containers = 1, .wanted = 1}}, one),
            0u);
}

TEST(FairShare, LeavesToOthersWhatAFullWorkspaceMayNotHave) {
  Pool pool{.claims = {{.workspace = 0, .wanted = 9}, {.workspace = 1, .wanted = 9}},
            .workspaces = {{.bounds = {.containers = 2}}, {}}};
  pool.Serve(7);
  EXPECT_THAT(pool.Containers(), ElementsAre(2, 5));
}

TEST(FairShare, CountsCoresAndMemoryOfAWorkspaceThatHasBoundsOfThem) {
  const Demand tenth{.cpus = 0.1, .memory = 100};
  Pool cores{.claims = {{.each = tenth, .wanted = 99}}, .workspaces = {{.bounds = {.cpus = 1}}}};
  cores.Serve(99);
  EXPECT_THAT(cores.Containers(), ElementsAre(10));
  Pool memory{.claims = {{.each = tenth, .wanted = 99}}, .workspaces = {{.bounds = {.memory = 350}}}};
  memory.Serve(99);
  EXPECT_THAT(memory.Containers(), ElementsAre(3));
}

TEST(FairShare, ServesNobodyWhereNobodyWantsOrMay) {
  EXPECT_FALSE(NextStart({}, {}));
  EXPECT_FALSE(NextStart(std::vector<StartClaim>{{.wanted = 0}}, std::vector<WorkspaceShare>{{}}));
  EXPECT_FALSE(NextStart(std::vector<StartClaim>{{.wanted = 1}},
                         std::vector<WorkspaceShare>{{.containers = 1, .bounds = {.containers = 1}}}));
}

RC_GTEST_PROP(FairShare, NoWorkspaceGoesBeyondItsBound, ()) {
  Pool pool = AnyPool();
  const auto before = pool.workspaces;
  pool.Serve(*rc::gen::inRange(0u, 60u));
  for (size_t i = 0; i < before.size(); ++i) {
    const auto &had = before[i], &has = pool.workspaces[i];
    const auto& bounds = had.bounds;
    if (bounds.containers > 0) RC_ASSERT(has.containers <= std::max(had.containers, bounds.containers));
    if (bounds.cpus > 0) RC_ASSERT(has.reserved.cpus <= std::max(had.reserved.cpus, bounds.cpus));
    if (bounds.memory > 0) RC_ASSERT(has.reserved.memory <= std::max(had.reserved.memory, bounds.memory));
  }
}

RC_GTEST_PROP(FairShare, WhatAsksForNothingFitsIntoAnyWorkspaceAndReservesNoMoreThanUsual, ()) {
  const Demand usual{.cpus = *rc::gen::inRange(0, 9) / 2.0, .memory = *rc::gen::inRange<uint64_t>(0, 20)};
  const auto bounds = AnyBounds();
  const Demand reserved = Within(usual, bounds);
  RC_ASSERT(MayStart({.bounds = bounds}, reserved));
  RC_ASSERT(reserved.cpus <= usual.cpus && reserved.memory <= usual.memory);
  if (MayStart({.bounds = bounds}, usual)) RC_ASSERT(reserved.cpus == usual.cpus && reserved.memory == usual.memory);
}

RC_GTEST_PROP(FairShare, RoomIsLeftOnlyWhereNobodyMayHaveIt, ()) {
  Pool pool = AnyPool();
  pool.Serve(1'000);
  for (const auto& claim : pool.claims)
    RC_ASSERT(claim.wanted == 0 || !MayStart(pool.workspaces[claim.workspace], claim.each));
}

RC_GTEST_PROP(FairShare, RoomIsYieldedUntilBothHaveTheSameAndThenNoMore, (bool same_workspace)) {
  uint32_t mine = *rc::gen::inRange(0u, 100u), theirs = *rc::gen::inRange(0u, 100u);
  const auto all = mine + theirs;
  const auto holding = [](uint32_t count) { return Holding{.of_workspace = count, .of_function = count}; };
  uint32_t moved = 0;
  for (; ShouldYield(holding(mine), holding(theirs), same_workspace); ++moved) mine--, theirs++;
  RC_ASSERT(moved <= all);
  RC_ASSERT(moved == 0 || mine == theirs || mine == theirs + 1);
  RC_ASSERT(!(moved > 0 && ShouldYield(holding(theirs), holding(mine), same_workspace)));
}

// Whoever was served last had least of all who could have been.
RC_GTEST_PROP(FairShare, NobodyIsServedWhileSomebodyHasLess, ()) {
  const Pool pool = AnyPool();
  const auto next = NextStart(pool.claims, pool.workspaces);
  if (!next) return;
  const auto& served = pool.claims[*next];
  for (const auto& claim : pool.claims) {
    if (claim.wanted == 0 || !MayStart(pool.workspaces[claim.workspace], claim.each)) continue;
    RC_ASSERT(pool.workspaces[served.workspace].containers <= pool.workspaces[claim.workspace].containers);
    if (claim.workspace == served.workspace) RC_ASSERT(served.containers <= claim.containers);
  }
}

}  // namespace
}  // namespace burrow::scheduler

#include "image/upper_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace burrow::image {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Action = UpperAction;

ScannedEntry File(std::string path, uint64_t inode, int64_t changed = 1) {
  return {.path = std::move(path), .print = {.mode = S_IFREG | 0644, .inode = inode, .ctime_ns = changed}};
}
ScannedEntry Directory(std::string path, uint64_t inode, bool opaque = false) {
  return {.path = std::move(path), .print = {.mode = S_IFDIR | 0755, .inode = inode}, .opaque = opaque};
}
ScannedEntry Whiteout(std::string path) {
  return {.path = std::move(path), .print = {.mode = S_IFCHR}, .whiteout = true};
}

// What is remembered once all of it was told.
UpperMemory Told(const std::vector<ScannedEntry>& scanned) {
  UpperMemory memory;
  for (const auto& entry : scanned)
    memory[entry.path] = {.print = entry.print, .whiteout = entry.whiteout, .opaque = entry.opaque, .unsettled = {}};
  return memory;
}

TEST(UpperPlanTest, TellsNothingTwice) {
  const std::vector<ScannedEntry> scanned = {Directory("", 1), Directory("d", 2, true), File("d/f", 3), Whiteout("w")};
  EXPECT_THAT(PlanUpper(scanned, {}).actions,
              ElementsAre(Action::kPut, Action::kPutOpaque, Action::kPut, Action::kWhiteout));
  EXPECT_TRUE(PlanUpper(scanned, Told(scanned)).empty);
}

TEST(UpperPlanTest, TellsAFileAgainOnceItsFingerprintDiffers) {
  const auto plan = PlanUpper({Directory("", 1), File("a", 2, 5), File("b", 3)},
                              Told({Directory("", 1), File("a", 2, 1), File("b", 3)}));
  EXPECT_THAT(plan.actions, ElementsAre(Action::kNothing, Action::kPut, Action::kNothing));
}

TEST(UpperPlanTest, VerifiesWhatMayHaveChangedWithoutATrace) {
  auto memory = Told({Directory("", 1), File("a", 2)});
  memory["a"].unsettled = cas::Digest::Of("a");
  EXPECT_THAT(PlanUpper({Directory("", 1), File("a", 2)}, memory).actions,
              ElementsAre(Action::kNothing, Action::kVerify));
}

TEST(UpperPlanTest, RemovesWhatWasToldAndWentWithoutAWhiteout) {
  const auto plan = PlanUpper(
      {Directory("", 1), Directory("d", 2)},
      Told({Directory("", 1), Directory("d", 2), File("d/f", 3), Directory("e", 4), File("e/f", 5), Whiteout("d/w")}));
  EXPECT_THAT(plan.removed, ElementsAre("d/f", "e"));
}

TEST(UpperPlanTest, LeavesToADirectorysReplacementWhatWasInIt) {
  const auto before = Told({Directory("", 1), Directory("d", 2), File("d/f", 3)});
  EXPECT_THAT(PlanUpper({Directory("", 1), File("d", 9)}, before).removed, IsEmpty());
  EXPECT_THAT(PlanUpper({Directory("", 1), Whiteout("d")}, before).removed, IsEmpty());
  EXPECT_THAT(PlanUpper({Directory("", 1), Directory("d", 9, true)}, before).removed, IsEmpty());
  EXPECT_THAT(PlanUpper({Directory("", 1), Directory("d", 9)}, before).removed, ElementsAre("d/f"));
}

TEST(UpperPlanTest, TellsAllBelowADirectoryThatBeginsToHideTheLowerTree) {
  const std::vector<ScannedEntry> inside = {Directory("d/s", 3), File("d/s/f", 4)};
  const auto before = Told({Directory("", 1), Directory("d", 2), inside[0], inside[1]});
  const auto plan = PlanUpper({Directory("", 1), Directory("d", 9, true), inside[0], inside[1], File("e", 5)}, before);
  EXPECT_THAT(plan.actions,
              ElementsAre(Action::kNothing, Action::kPutOpaque, Action::kPut, Action::kPut, Action::kPut));
}

TEST(UpperPlanTest, HidesTheLowerTreeOnce) {
  for (const auto& told : {Directory("d", 2, true), Whiteout("d"), File("d", 2)}) {
    const auto plan = PlanUpper({Directory("", 1), Directory("d", 9, true)}, Told({Directory("", 1), told}));
    EXPECT_EQ(plan.actions[1], Action::kPut);
  }
}

TEST(UpperPlanTest, TellsAllNamesOfAnInodeTogether) {
  auto old_name = File("a", 2), new_name = File("d/b", 2);
  old_name.linked = new_name.linked = true;
  const auto before = Told({Directory("", 1), old_name});
  EXPECT_THAT(PlanUpper({Directory("", 1), old_name, Directory("d", 3), new_name}, before).actions,
              ElementsAre(Action::kNothing, Action::kPut, Action::kPut, Action::kPut));
}

}  // namespace
}  // namespace burrow::image

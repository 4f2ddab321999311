#include "os/disk_room.h"

#include <gtest/gtest.h>

#include "os/testing/environment.h"

namespace burrow::os {
namespace {

constexpr uint64_t kMoreThanThereIs = ~uint64_t{0};

TEST(CheckDiskRoom, TellsAFullDiskFromOneThatCannotBeSeen) {
  const TempDirectory temp;
  EXPECT_TRUE(CheckDiskRoom(temp.path(), 0));
  EXPECT_EQ(CheckDiskRoom(temp.path(), kMoreThanThereIs).error().code(), Code::kResourceExhausted);
  EXPECT_EQ(CheckDiskRoom(temp / "none", 0).error().code(), Code::kNotFound);
}

TEST(DiskRoom, LooksAtTheFirstBytesAndThenNowAndThen) {
  const TempDirectory temp;
  DiskRoom room(temp.path(), kMoreThanThereIs);
  EXPECT_FALSE(room.Take(1));
  EXPECT_TRUE(room.Take(DiskRoom::kEvery - 1));
  EXPECT_FALSE(room.Take(1));
  EXPECT_TRUE(DiskRoom(temp.path(), 0).Take(DiskRoom::kEvery * 3));
}

}  // namespace
}  // namespace burrow::os

#include "builder/disk_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/testing/environment.h"
#include "os/testing/own_mounts.h"

namespace burrow::builder {
namespace {

using ::testing::HasSubstr;

TEST(DiskWatch, SaysThatTheDiskIsNearlyFullBeforeItIs) {
  BURROW_NEEDS_ROOT();
  os::TempDirectory temp;
  ASSERT_TRUE(os::MakeDirectories(temp / "small"));
  auto mounted = os::MountTmpfs(temp / "small", 8u << 20);
  ASSERT_TRUE(mounted) << os::ErrorText(mounted);
  DiskWatch watch({.reserve_bytes = 1u << 30}, temp / "small", {});
  EXPECT_EQ(os::ErrorText(watch.Check()), "") << "the reserve is never more than a part of the whole";
  ASSERT_TRUE(os::WriteFileAtomically(temp / "small/file", std::string((8u << 20) - 65'536, 'x')));
  const Status full = watch.Check();
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(full.error().message(), HasSubstr("nearly full"));
}

}  // namespace
}  // namespace burrow::builder

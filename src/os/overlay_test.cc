#include "os/overlay.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "os/fs.h"
#include "os/testing/environment.h"

namespace burrow::os {
namespace {

using ::testing::HasSubstr;

// A directory with lower, upper, work and target.
class OverlayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BURROW_NEEDS_ROOT();
    for (const char* name : {"upper", "work", "target"}) ASSERT_TRUE(MakeDirectories(temp_ / name));
  }
  std::string MakeLower(const std::string& name) {
    EXPECT_TRUE(MakeDirectories(temp_ / name));
    EXPECT_TRUE(WriteFileAtomically((temp_ / name) + "/name", name));
    return temp_ / name;
  }
  OverlayOptions Over(std::vector<std::string> lower) const {
    return {.lower = {.directories = std::move(lower)}, .upper = temp_ / "upper", .work = temp_ / "work"};
  }
  TempDirectory temp_;
};

TEST_F(OverlayTest, ShowsTheTopmostLowerAndWritesToTheUpper) {
  const OverlayOptions options{.lower = {.directories = {MakeLower("top"), MakeLower("bottom")}},
                               .upper = temp_ / "upper",
                               .work = temp_ / "work"};
  auto mount = MountOverlay(options, temp_ / "target");
  ASSERT_TRUE(mount) << ErrorText(mount);
  EXPECT_EQ(*ReadFile(temp_ / "target/name"), "top");
  ASSERT_TRUE(WriteFileAtomically(temp_ / "target/new", "x"));
  ASSERT_TRUE(mount->Unmount());
  EXPECT_TRUE(mount->Unmount()) << "nothing to do";
  EXPECT_EQ(*ReadFile(temp_ / "upper/new"), "x");
}

TEST_F(OverlayTest, EscapesPathsThatOverlayWouldSplit) {
  const OverlayOptions options{.lower = {.directories = {MakeLower("a:b,c\\d"), MakeLower("e:f")}},
                               .upper = temp_ / "u,p:\\",
                               .work = temp_ / "w,o:"};
  ASSERT_TRUE(MakeDirectories(options.upper));
  ASSERT_TRUE(MakeDirectories(options.work));
  auto mount = MountOverlay(options, temp_ / "target");
  ASSERT_TRUE(mount) << ErrorText(mount);
  EXPECT_EQ(*ReadFile(temp_ / "target/name"), "a:b,c\\d");
}

TEST_F(OverlayTest, TakesMoreLayersThanOnePageOfPaths) {
  OverlayOptions options = Over({});
  for (int i = 0; i < 60; ++i)
    options.lower.directories.push_back(
        MakeLower("layer-with-a-long-name-" + std::string(60, 'x') + std::to_string(i)));
  auto mount = MountOverlay(options, temp_ / "target");
  if (!mount && mount.error().code() == Code::kInvalidArgument) GTEST_SKIP() << ErrorText(mount);
  ASSERT_TRUE(mount) << ErrorText(mount);
  EXPECT_THAT(*ReadFile(temp_ / "target/name"), HasSubstr("xxx0"));
}

TEST_F(OverlayTest, LetsDeviceNodesOfAnImageNotBeOpened) {
  const OverlayOptions options = Over({MakeLower("lower")});
  ASSERT_EQ(mknod((temp_ / "lower/zero").c_str(), S_IFCHR | 0666, 0x105), 0);
  auto mount = MountOverlay(options, temp_ / "target");
  ASSERT_TRUE(mount) << ErrorText(mount);
  EXPECT_EQ(Open(temp_ / "target/zero", 0).error().code(), Code::kPermissionDenied);
}

TEST_F(OverlayTest, IsReadOnlyWithoutAnUpperDirectory) {
  auto mount = MountOverlay({.lower = {.directories = {MakeLower("lower")}}}, temp_ / "target");
  ASSERT_TRUE(mount) << ErrorText(mount);
  EXPECT_EQ(*ReadFile(temp_ / "target/name"), "lower");
  EXPECT_EQ(Open(temp_ / "target/new", O_CREAT | O_WRONLY).error().os_errno(), EROFS);
}

// A lower directory whose file "named" has its content in a data-only layer, and a layer above it.
class DataOnlyTest : public OverlayTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(OverlayTest::SetUp());
    if (IsSkipped()) return;
    const std::string lower = MakeLower("lower"), file = lower + "/named";
    ASSERT_TRUE(WriteFileAtomically(file, ""));
    ASSERT_EQ(truncate(file.c_str(), 7), 0);
    ASSERT_EQ(setxattr(file.c_str(), "trusted.overlay.metacopy", "", 0, 0), 0);
    ASSERT_EQ(setxattr(file.c_str(), "trusted.overlay.redirect", "/ab/cd", 6, 0), 0);
    ASSERT_TRUE(MakeDirectories(temp_ / "first"));
    ASSERT_TRUE(MakeDirectories(temp_ / "second/ab"));
    options_ = Over({MakeLower("above"), lower});
    options_.lower.data_only = {temp_ / "first", temp_ / "second"};
  }
  OverlayOptions options_;
};

TEST_F(DataOnlyTest, FindsContentThatAppearsInADataOnlyLayerAfterItWasMounted) {
  auto mount = MountOverlay(options_, temp_ / "target");
  if (!mount) GTEST_SKIP() << ErrorText(mount);
  EXPECT_FALSE(ReadFile(temp_ / "target/named")) << "no layer has it";
  ASSERT_TRUE(WriteFileAtomically(temp_ / "second/ab/cd", "content"));
  auto content = ReadFile(temp_ / "target/named");
  if (!content && content.error().code() == Code::kPermissionDenied) GTEST_SKIP() << "needs Linux 6.16";
  ASSERT_TRUE(content) << ErrorText(content);
  EXPECT_EQ(*content, "content");
  EXPECT_FALSE(std::filesystem::exists(temp_ / "target/ab"));
  ASSERT_EQ(chmod((temp_ / "target/named").c_str(), 0600), 0);
  EXPECT_EQ(*ReadFile(temp_ / "upper/named"), "content") << "the upper directory is not readable by itself";
}

TEST_F(DataOnlyTest, FindsContentOnKernelsThatNeedMetacopyForIt) {
  options_.lower.needs_metacopy = true;
  ASSERT_TRUE(WriteFileAtomically(temp_ / "second/ab/cd", "content"));
  auto mount = MountOverlay(options_, temp_ / "target");
  if (!mount) GTEST_SKIP() << ErrorText(mount);
  EXPECT_EQ(*ReadFile(temp_ / "target/named"), "content");
  ASSERT_EQ(chmod((temp_ / "target/named").c_str(), 0600), 0);
  EXPECT_EQ(*ReadFile(temp_ / "target/named"), "content");
}

}  // namespace
}  // namespace burrow::os

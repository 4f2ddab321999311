#include "os/mount.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "os/fs.h"
#include "os/mountinfo.h"
#include "os/testing/environment.h"

namespace burrow::os {
namespace {

TEST(ParseMountinfo, ReadsFieldsBehindOptionalOnesAndUnescapesPaths) {
  const auto entries = ParseMountinfo(
      "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext4 /dev/root rw,errors=continue\n"
      "nonsense\n"
      "37 36 0:5 / /a\\134b\\011 rw - cgroup cgroup rw,cpu,cpuacct\n");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].point, "/mnt 2");
  EXPECT_EQ(entries[0].root, "/mnt1");
  EXPECT_EQ(entries[0].type, "ext4");
  EXPECT_EQ(entries[1].point, "/a\\b\t");
  EXPECT_EQ(entries[1].super_options, "rw,cpu,cpuacct");
}

// A directory with a target.
class MountTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BURROW_NEEDS_ROOT();
    ASSERT_TRUE(MakeDirectories(temp_ / "target"));
  }
  std::string MakeLower(const std::string& name) {
    EXPECT_TRUE(MakeDirectories(temp_ / name));
    EXPECT_TRUE(WriteFileAtomically((temp_ / name) + "/name", name));
    return temp_ / name;
  }
  TempDirectory temp_;
};

TEST_F(MountTest, BindsReadOnlyWhereAsked) {
  const std::string source = MakeLower("source");
  auto mount = BindMount(source, temp_ / "target", true);
  ASSERT_TRUE(mount) << ErrorText(mount);
  EXPECT_EQ(*ReadFile(temp_ / "target/name"), "source");
  EXPECT_FALSE(WriteFileAtomically(temp_ / "target/new", "x"));
  EXPECT_TRUE(WriteFileAtomically(source + "/new", "x"));
}

TEST_F(MountTest, LimitsATmpfs) {
  auto mount = MountTmpfs(temp_ / "target", 1u << 20);
  ASSERT_TRUE(mount) << ErrorText(mount);
  EXPECT_TRUE(WriteFileAtomically(temp_ / "target/small", std::string(1000, 'x')));
  EXPECT_EQ(WriteFileAtomically(temp_ / "target/large", std::string(2u << 20, 'x')).error().code(),
            Code::kResourceExhausted);
}

TEST_F(MountTest, EndsWithItsOwnerEvenWhileInUse) {
  UniqueFd inside;
  {
    auto mount = MountTmpfs(temp_ / "target", 1u << 20);
    ASSERT_TRUE(mount);
    auto moved = std::move(*mount);
    ASSERT_TRUE(WriteFileAtomically(temp_ / "target/file", "x"));
    inside = *Open(temp_ / "target/file", 0);
  }
  EXPECT_NE(access((temp_ / "target/file").c_str(), F_OK), 0);
}

TEST_F(MountTest, UnmountsNestedAndStackedMountsWithOddNamesButNotTheDirectoryItself) {
  auto self = MountTmpfs(temp_ / "target", 1u << 20);
  ASSERT_TRUE(self);
  for (const char* name : {"target/a b\\c", "target/a b\\c/d", "target/a b\\c"}) {
    ASSERT_TRUE(MakeDirectories(temp_ / name));
    auto mount = MountTmpfs(temp_ / name, 1u << 20);
    ASSERT_TRUE(mount) << ErrorText(mount);
    mount->Release();
  }
  ASSERT_TRUE(MakeDirectories(temp_ / "target-not-below"));
  auto beside = MountTmpfs(temp_ / "target-not-below", 1u << 20);
  const Status done = UnmountBelow(temp_ / "target");
  EXPECT_TRUE(done) << done.error().message();
  int left = 0;
  for (const MountEntry& entry : *ReadMountinfo()) left += entry.point.starts_with(temp_.path());
  EXPECT_EQ(left, 2);
  EXPECT_TRUE(UnmountBelow(temp_ / "no-such-directory"));
}

TEST(EnterOwnMountNamespace, RefusesOnceThereAreThreads) {
  BURROW_NEEDS_ROOT();
  Status status;
  std::thread([&] { status = EnterOwnMountNamespace(); }).join();
#if !__has_feature(thread_sanitizer)
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), Code::kFailedPrecondition);
#endif
}

}  // namespace
}  // namespace burrow::os

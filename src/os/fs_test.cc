#include "os/fs.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/testing/environment.h"
#include "os/testing/own_mounts.h"

namespace burrow::os {
namespace {

using ::testing::HasSubstr;

TEST(ReadFile, ReturnsTheWholeContentUpToItsLimit) {
  TempDirectory temp;
  const std::string content(200'000, 'x');
  ASSERT_TRUE(WriteFileAtomically(temp / "f", content));
  EXPECT_EQ(*ReadFile(temp / "f"), content);
  EXPECT_EQ(*ReadFile(temp / "f", content.size()), content);
  EXPECT_EQ(ReadFile(temp / "f", content.size() - 1).error().code(), Code::kOutOfRange);
  EXPECT_EQ(ReadFile(temp / "none").error().code(), Code::kNotFound);
}

TEST(WriteFileAtomically, ReplacesAFileWithItsModeAndLeavesNothingElse) {
  TempDirectory temp;
  ASSERT_TRUE(WriteFileAtomically(temp / "f", "old"));
  ASSERT_TRUE(WriteFileAtomically(temp / "f", "new", 0600));
  struct stat info{};
  ASSERT_EQ(stat((temp / "f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  EXPECT_EQ(*ReadFile(temp / "f"), "new");
  ASSERT_EQ(mkdir((temp / "d").c_str(), 0755), 0);
  EXPECT_FALSE(WriteFileAtomically(temp / "d", "a directory is in the way"));
  ASSERT_EQ(unlink((temp / "f").c_str()), 0);
  ASSERT_EQ(rmdir((temp / "d").c_str()), 0);
  EXPECT_EQ(rmdir(temp.path().c_str()), 0) << "a temporary file was left";
  ASSERT_EQ(mkdir(temp.path().c_str(), 0755), 0);
}

TEST(OpenInRoot, StaysInsideWhateverTheLinksSay) {
  TempDirectory temp;
  ASSERT_TRUE(MakeDirectories(temp / "root/etc"));
  ASSERT_TRUE(WriteFileAtomically(temp / "secret", "outside"));
  ASSERT_TRUE(WriteFileAtomically(temp / "root/etc/passwd", "inside"));
  ASSERT_EQ(symlink("/etc/passwd", (temp / "root/absolute").c_str()), 0);
  ASSERT_EQ(symlink("../../../secret", (temp / "root/up").c_str()), 0);
  const auto root = Open(temp / "root", O_PATH | O_DIRECTORY);
  ASSERT_TRUE(root);
  const auto absolute = OpenInRoot(root->get(), "absolute", O_RDONLY);
  ASSERT_TRUE(absolute) << ErrorText(absolute);
  char buffer[16] = {};
  ASSERT_EQ(read(absolute->get(), buffer, sizeof buffer), 6);
  EXPECT_STREQ(buffer, "inside");
  EXPECT_EQ(OpenInRoot(root->get(), "up", O_RDONLY).error().code(), Code::kNotFound);
  EXPECT_EQ(OpenInRoot(root->get(), "../secret", O_RDONLY).error().code(), Code::kNotFound);
}

TEST(MakeDirectories, MakesParentsAndAcceptsWhatIsThere) {
  TempDirectory temp;
  EXPECT_TRUE(MakeDirectories(temp / "a/b/c"));
  EXPECT_TRUE(MakeDirectories(temp / "a/b/c/"));
  ASSERT_TRUE(WriteFileAtomically(temp / "file", ""));
  EXPECT_FALSE(MakeDirectories(temp / "file"));
  EXPECT_FALSE(MakeDirectories(temp / "file/below"));
}

TEST(RemoveTree, RemovesLinksAndNotWhatTheyPointTo) {
  TempDirectory temp;
  ASSERT_TRUE(MakeDirectories(temp / "kept/below"));
  ASSERT_TRUE(MakeDirectories(temp / "tree/a/b"));
  ASSERT_TRUE(WriteFileAtomically(temp / "tree/a/file", "x"));
  ASSERT_EQ(symlink((temp / "kept").c_str(), (temp / "tree/a/link").c_str()), 0);
  ASSERT_EQ(chmod((temp / "tree/a/b").c_str(), 0), 0);
  EXPECT_TRUE(RemoveTree(temp / "tree"));
  EXPECT_NE(access((temp / "tree").c_str(), F_OK), 0);
  EXPECT_EQ(access((temp / "kept/below").c_str(), F_OK), 0);
  EXPECT_TRUE(RemoveTree(temp / "tree")) << "a missing path is no error";
}

TEST(RemoveTree, CopesWithATreeDeeperThanDescriptorsAndPathsReach) {
  TempDirectory temp;
  ASSERT_TRUE(MakeDirectories(temp / "tree"));
  UniqueFd at = *Open(temp / "tree", O_PATH | O_DIRECTORY);
  for (int depth = 0; depth < 5000; ++depth) {
    ASSERT_EQ(mkdirat(at.get(), "d", 0755), 0);
    ASSERT_EQ(mkdirat(at.get(), "e", 0755), 0);
    at.Reset(openat(at.get(), "d", O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at.valid());
  }
  const Status removed = RemoveTree(temp / "tree");
  EXPECT_TRUE(removed) << removed.error().message();
  EXPECT_NE(access((temp / "tree").c_str(), F_OK), 0);
}

TEST(RemoveTree, StopsAtAnotherMount) {
  BURROW_NEEDS_ROOT();
  TempDirectory temp;
  ASSERT_TRUE(MakeDirectories(temp / "tree/mounted"));
  ASSERT_TRUE(MakeDirectories(temp / "source"));
  ASSERT_TRUE(WriteFileAtomically(temp / "source/precious", "x"));
  auto mount = BindMount(temp / "source", temp / "tree/mounted", false);
  ASSERT_TRUE(mount) << ErrorText(mount);
  EXPECT_FALSE(RemoveTree(temp / "tree"));
  EXPECT_FALSE(RemoveTree(temp / "tree/mounted"));
  EXPECT_EQ(access((temp / "source/precious").c_str(), F_OK), 0);
  ASSERT_TRUE(mount->Unmount());
  EXPECT_TRUE(RemoveTree(temp / "tree"));
}

TEST(LockFile, IsHeldByOneAtATime) {
  TempDirectory temp;
  auto first = LockFile(temp / "lock");
  ASSERT_TRUE(first);
  const auto second = LockFile(temp / "lock");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(ErrorText(second), HasSubstr("locked by another process"));
  first->Reset();
  EXPECT_TRUE(LockFile(temp / "lock"));
}

}  // namespace
}  // namespace burrow::os

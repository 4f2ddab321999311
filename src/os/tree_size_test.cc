#include "os/tree_size.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "os/fs.h"
#include "os/testing/environment.h"

namespace burrow::os {
namespace {

TEST(TreeBytes, MeasuresWhatATreeTakesWithoutFollowingLinks) {
  TempDirectory temp;
  ASSERT_TRUE(MakeDirectories(temp / "tree/a/b"));
  ASSERT_TRUE(MakeDirectories(temp / "elsewhere"));
  ASSERT_TRUE(WriteFileAtomically(temp / "elsewhere/file", std::string(5u << 20, 'x')));
  ASSERT_EQ(::symlink((temp / "elsewhere").c_str(), (temp / "tree/link").c_str()), 0);
  EXPECT_LT(TreeBytes({temp / "tree"}), 1u << 20);
  ASSERT_TRUE(WriteFileAtomically(temp / "tree/a/b/file", std::string(3u << 20, 'x')));
  EXPECT_GE(TreeBytes({temp / "tree"}), 3u << 20);
  EXPECT_LT(TreeBytes({temp / "tree"}), 5u << 20);
  ASSERT_EQ(::link((temp / "tree/a/b/file").c_str(), (temp / "tree/a/again").c_str()), 0);
  EXPECT_LT(TreeBytes({temp / "tree"}), 5u << 20) << "one file by two names is one file";
  EXPECT_EQ(TreeBytes({temp / "missing"}), 0u);
  EXPECT_EQ(TreeBytes({temp / "tree/link"}), 0u);
}

}  // namespace
}  // namespace burrow::os

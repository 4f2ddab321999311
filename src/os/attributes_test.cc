#include "os/attributes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "os/fs.h"
#include "os/testing/environment.h"

namespace burrow::os {
namespace {

TEST(CopyDirectoryAttributes, CopiesModeOwnerTimeAndAttributesButNotThoseOfOverlay) {
  BURROW_NEEDS_ROOT();
  TempDirectory temp;
  const std::string from = temp / "from", to = temp / "to";
  for (const std::string& path : {from, to}) ASSERT_TRUE(MakeDirectories(path));
  ASSERT_EQ(chown(from.c_str(), 7, 8), 0);
  ASSERT_EQ(chmod(from.c_str(), 03751), 0);
  ASSERT_EQ(setxattr(from.c_str(), "trusted.note", "a", 1, 0), 0);
  ASSERT_EQ(setxattr(from.c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
  const timespec times[2] = {{5, 6}, {-7, 8}};
  ASSERT_EQ(utimensat(AT_FDCWD, from.c_str(), times, 0), 0);

  const Status copied = CopyDirectoryAttributes(from, to);
  ASSERT_TRUE(copied) << copied.error().message();
  struct stat st{};
  ASSERT_EQ(stat(to.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode, S_IFDIR | 03751U);
  EXPECT_EQ(st.st_uid, 7U);
  EXPECT_EQ(st.st_gid, 8U);
  EXPECT_EQ(st.st_mtim.tv_sec, -7);
  EXPECT_EQ(st.st_mtim.tv_nsec, 8);
  char value[8];
  EXPECT_EQ(getxattr(to.c_str(), "trusted.note", value, sizeof value), 1);
  EXPECT_EQ(getxattr(to.c_str(), "trusted.overlay.opaque", value, sizeof value), -1);
}

}  // namespace
}  // namespace burrow::os

#include "builder/image_user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "builder/image_file.h"
#include "os/testing/environment.h"

namespace burrow::builder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "# comment:x:1:1\n"
    "broken\n"
    "web:x:33:34:web:/srv/web:/bin/false\n"
    "bare:x:50:51";
constexpr const char* kGroup =
    "root:x:0:\n"
    "adm:x:4:root,web\n"
    "www:x:34:\n"
    "video:x:44:web\n"
    "short:x:60\n";

ImageUser Found(const std::string& user) {
  auto found = FindUser(user, kPasswd, kGroup);
  EXPECT_TRUE(found) << os::ErrorText(found);
  return found.value_or(ImageUser());
}

TEST(ImageUser, IsRootWhereNobodyIsNamed) {
  const ImageUser root = Found("");
  EXPECT_EQ(root.ids.uid, 0u);
  EXPECT_EQ(root.ids.gid, 0u);
  EXPECT_THAT(root.ids.groups, ElementsAre(4));
  EXPECT_EQ(root.home, "/root");
  EXPECT_EQ(FindUser("", "", "")->home, "/root");
}

TEST(ImageUser, HasItsGroupAndThoseThatListItsName) {
  for (const char* name : {"web", "33"}) {
    const ImageUser web = Found(name);
    EXPECT_EQ(web.ids.uid, 33u);
    EXPECT_EQ(web.ids.gid, 34u);
    EXPECT_THAT(web.ids.groups, ElementsAre(4, 44));
    EXPECT_EQ(web.home, "/srv/web");
  }
  EXPECT_EQ(Found("bare").ids.gid, 51u);
}

TEST(ImageUser, HasTheNamedGroupAlone) {
  for (const char* text : {"web:video", "web:44", "33:video"}) {
    const ImageUser web = Found(text);
    EXPECT_EQ(web.ids.gid, 44u) << text;
    EXPECT_THAT(web.ids.groups, IsEmpty()) << text;
  }
  EXPECT_EQ(Found("web:short").ids.gid, 60u);
  EXPECT_EQ(Found("web:").ids.gid, 34u) << "as without the colon";
}

TEST(ImageUser, MayBeANumberThatTheImageDoesNotKnow) {
  const ImageUser stranger = Found("1234:4321");
  EXPECT_EQ(stranger.ids.uid, 1234u);
  EXPECT_EQ(stranger.ids.gid, 4321u);
  EXPECT_EQ(stranger.home, "/");
  EXPECT_EQ(Found("1234").ids.gid, 0u);
}

TEST(ImageUser, IsNamedInTheErrorWhereTheImageDoesNotHaveIt) {
  EXPECT_THAT(os::ErrorText(FindUser("nobody", kPasswd, kGroup)), HasSubstr("no user 'nobody' in the image's"));
  EXPECT_THAT(os::ErrorText(FindUser("web:wheel", kPasswd, kGroup)), HasSubstr("no group 'wheel' in the image's"));
  EXPECT_FALSE(FindUser("4294967296", kPasswd, kGroup));
  EXPECT_FALSE(FindUser("-1", kPasswd, kGroup));
  EXPECT_FALSE(FindUser("broken", kPasswd, kGroup));
}

TEST(ImageUser, GetsHomeAndPathOnlyWhereTheyAreMissing) {
  EXPECT_THAT(WithDefaultVariables({"A=b"}, "/h"),
              ElementsAre("A=b", ::testing::StartsWith("PATH=/usr/local/sbin:"), "HOME=/h"));
  EXPECT_THAT(WithDefaultVariables({"HOME=", "PATH=/p"}, "/h"), ElementsAre("HOME=", "PATH=/p"));
}

// A tree with links that lead around in it, and out of it for who follows them elsewhere.
image::Tree LinkedTree() {
  image::Tree tree;
  auto add = [&tree](const std::string& directory, const std::string& name, uint32_t mode, const std::string& target) {
    auto node = std::make_unique<image::TreeNode>();
    node->inode = std::make_shared<image::TreeInode>();
    node->inode->mode = mode;
    node->inode->target = target;
    (*tree.MakeDirectories(directory))->children[name] = std::move(node);
  };
  add("/usr/etc", "passwd", S_IFREG | 0644, "");
  add("/", "etc", S_IFLNK | 0777, "usr/etc");
  add("/a/b", "up", S_IFLNK | 0777, "../../../../usr/./etc//passwd");
  add("/a", "absolute", S_IFLNK | 0777, "/a/b/up");
  add("/a", "loop", S_IFLNK | 0777, "loop");
  add("/a", "nowhere", S_IFLNK | 0777, "/missing/passwd");
  return tree;
}

TEST(ImageFile, IsFoundThroughLinksThatStayInTheTree) {
  const image::Tree tree = LinkedTree();
  const auto* passwd = FollowInTree(tree, "/usr/etc/passwd");
  ASSERT_NE(passwd, nullptr);
  for (const char* path : {"/etc/passwd", "/a/b/up", "/a/absolute", "/../etc/passwd"})
    EXPECT_EQ(FollowInTree(tree, path), passwd) << path;
  for (const char* path : {"/a/loop", "/a/nowhere", "/missing", "/etc/passwd/below"})
    EXPECT_EQ(FollowInTree(tree, path), nullptr) << path;
}

}  // namespace
}  // namespace burrow::builder

// Paths, modes, working directories and contexts: the smaller pure parts of the builder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder/context_tree.h"
#include "builder/mode_change.h"
#include "builder/testing/tree_maker.h"
#include "builder/working_directory.h"

namespace burrow::builder {
namespace {

using burrow::v1::ContextEntry;
using burrow::v1::ContextManifest;
using image::Tree;
using testing::Add;
using testing::At;
using testing::Directory;
using testing::File;
using ::testing::HasSubstr;
using testing::Link;
using testing::List;

TEST(CleanPath, StopsAtTheRoot) {
  EXPECT_EQ(CleanPath(""), "/");
  EXPECT_EQ(CleanPath("."), "/");
  EXPECT_EQ(CleanPath("../../x"), "/x");
  EXPECT_EQ(CleanPath("/a//b/./c/../d/"), "/a/b/d");
}

TEST(ModeChange, KnowsOctalAndSymbolicModes) {
  auto apply = [](const char* text, uint32_t mode) { return ModeChange::Parse(text).value().Apply(mode); };
  EXPECT_EQ(apply("755", S_IFREG | 04600), 0755u);
  EXPECT_EQ(apply("4711", S_IFREG | 0600), 04711u);
  EXPECT_EQ(apply("0", S_IFDIR | 0777), 0u);
  EXPECT_EQ(apply("+x", S_IFREG | 0644), 0755u);
  EXPECT_EQ(apply("go-rw", S_IFREG | 0666), 0600u);
  EXPECT_EQ(apply("u=rwX,go=rX", S_IFDIR | 0700), 0755u);
  EXPECT_EQ(apply("u=rwX,go=rX", S_IFREG | 0600), 0644u);
  EXPECT_EQ(apply("u=rwX,go=rX", S_IFREG | 0710), 0755u);
  EXPECT_EQ(apply("g=u", S_IFREG | 0640), 0660u);
  EXPECT_EQ(apply("go=u-w", S_IFREG | 0700), 0755u);
  EXPECT_EQ(apply("a=", S_IFREG | 0777), 0u);
  EXPECT_EQ(apply("u+s,g+s,+t", S_IFREG | 0755), 07755u);
  EXPECT_EQ(apply("o+st", S_IFREG | 0755), 0755u);
  EXPECT_EQ(apply("u=rwx", S_IFREG | 04711), 0711u);
}

TEST(ModeChange, RefusesWhatIsNone) {
  for (const char* text :
       {"8", "10000", "077777", "75x", "u", "rwx", "u+q", "+x,", ",", "u=rw;g=r", "z+x", "-1x", "0x1"}) {
    EXPECT_FALSE(ModeChange::Parse(text)) << text;
  }
}

TEST(WorkingDirectory, IsMadeWhereItIsMissing) {
  Tree tree;
  ASSERT_TRUE(MakeWorkingDirectory(tree, "/a/b"));
  EXPECT_EQ(At(tree, "/a/b")->mode, uint32_t{S_IFDIR | 0755});
  tree.root().children.at("a")->inode->mode = S_IFDIR | 0700;
  ASSERT_TRUE(MakeWorkingDirectory(tree, "/a/b/../c/"));
  EXPECT_EQ(List(tree), "a/ a/b/ a/c/");
  EXPECT_EQ(At(tree, "/a")->mode, uint32_t{S_IFDIR | 0700});
}

TEST(WorkingDirectory, FollowsLinksInsideTheTree) {
  Tree tree;
  Add(tree, "/link", Link("../../real/x"));
  Add(tree, "/loop", Link("/loop"));
  Add(tree, "/file", File("f"));
  ASSERT_TRUE(MakeWorkingDirectory(tree, "/link/y"));
  EXPECT_EQ(List(tree), "file link@../../real/x loop@/loop real/ real/x/ real/x/y/");
  EXPECT_THAT(MakeWorkingDirectory(tree, "/loop").error().message(), HasSubstr("too many links"));
  for (const char* path : {"/file", "/file/x", "relative", ""}) {
    Status made = MakeWorkingDirectory(tree, path);
    ASSERT_FALSE(made) << path;
    EXPECT_EQ(made.error().code(), Code::kInvalidArgument);
  }
}

class ContextTreeTest : public ::testing::Test {
 protected:
  ContextEntry& AddEntry(const std::string& path, ContextEntry::Type type) {
    ContextEntry& entry = *manifest_.add_entries();
    entry.set_path(path);
    entry.set_type(type);
    entry.set_mode(0640);
    return entry;
  }
  void AddFile(const std::string& path, const std::string& content = "x") {
    ContextEntry& entry = AddEntry(path, ContextEntry::TYPE_FILE);
    entry.set_size(content.size());
    if (!content.empty()) entry.set_digest(cas::Digest::Of(content).Hex());
    entry.set_mtime(5);
    entry.set_mtime_ns(6);
  }
  void ExpectRefused(const std::string& why) {
    auto tree = ContextTree(manifest_);
    ASSERT_FALSE(tree) << why;
    EXPECT_EQ(tree.error().code(), Code::kInvalidArgument);
    EXPECT_THAT(tree.error().message(), HasSubstr(why));
    manifest_.Clear();
  }
  ContextManifest manifest_;
};

TEST_F(ContextTreeTest, HasWhatTheManifestLists) {
  AddFile("d/sub/f");
  AddFile("empty", "");
  AddEntry("d-", ContextEntry::TYPE_FILE);
  AddEntry("l", ContextEntry::TYPE_SYMLINK).set_target("../../etc");
  AddEntry("d", ContextEntry::TYPE_DIRECTORY).set_mode(01700);
  auto tree = ContextTree(manifest_);
  ASSERT_TRUE(tree) << tree.error().message();
  EXPECT_EQ(List(*tree), "d/ d/sub/ d/sub/f d- empty l@../../etc");
  EXPECT_EQ(At(*tree, "/d")->mode, uint32_t{S_IFDIR | 01700});
  EXPECT_EQ(At(*tree, "/d/sub")->mode, uint32_t{S_IFDIR | 0755});
  EXPECT_EQ(At(*tree, "/d/sub/f")->mode, uint32_t{S_IFREG | 0640});
  EXPECT_EQ(At(*tree, "/d/sub/f")->digest, cas::Digest::Of("x"));
  EXPECT_EQ(At(*tree, "/d/sub/f")->mtime_ns, 6u);
  EXPECT_TRUE(At(*tree, "/empty")->digest.IsZero());
  EXPECT_EQ(At(*tree, "/l")->mode, uint32_t{S_IFLNK | 0777});
  EXPECT_TRUE(tree->Encode());
}

TEST_F(ContextTreeTest, RefusesWhatDoesNotStayInside) {
  for (const std::string& path :
       {std::string(), std::string("/etc/x"), std::string(".."), std::string("a/../b"), std::string("./a"),
        std::string("a//b"), std::string("a/"), std::string("a\0b", 3), std::string(256, 'n')}) {
    AddFile(path);
    ExpectRefused("no path");
  }
  std::string deep = "d";
  for (int i = 0; i < 1200; ++i) deep += "/d";
  AddFile(deep);
  ExpectRefused("no path");
}

TEST_F(ContextTreeTest, RefusesWhatContradictsItself) {
  AddFile("a");
  AddFile("a");
  ExpectRefused("twice");
  AddFile("a/b");
  AddFile("a");
  ExpectRefused("no directory");
  AddEntry("l", ContextEntry::TYPE_SYMLINK).set_target("d");
  AddFile("l/x");
  ExpectRefused("no directory");
  AddEntry("l", ContextEntry::TYPE_SYMLINK);
  ExpectRefused("a link to nothing");
  AddEntry("f", ContextEntry::TYPE_FILE).set_size(3);
  ExpectRefused("digest");
  AddEntry("f", ContextEntry::TYPE_FILE).set_mode(0100644);
  ExpectRefused("mode");
  AddEntry("f", ContextEntry::TYPE_FILE).set_mtime_ns(1'000'000'000);
  ExpectRefused("time");
  AddEntry("f", ContextEntry::TYPE_UNSPECIFIED);
  ExpectRefused("neither");
}

TEST(ClampTimes, ChangesOnlyWhatIsYounger) {
  Tree tree;
  Add(tree, "/old", File("o"));
  Add(tree, "/d/young", File("y"));
  Add(tree, "/just", File("j"));
  tree.root().children.at("d")->children.at("young")->inode->mtime = 100;
  tree.root().children.at("just")->inode->mtime = 50;
  tree.root().children.at("just")->inode->mtime_ns = 1;
  ClampTimes(tree, 50);
  EXPECT_EQ(At(tree, "/old")->mtime, 7);
  EXPECT_EQ(At(tree, "/d/young")->mtime, 50);
  EXPECT_EQ(At(tree, "/just")->mtime_ns, 0u);
}

}  // namespace
}  // namespace burrow::builder

#include "builder/file_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder/testing/tree_maker.h"
#include "builder/tree_edits.h"

namespace burrow::builder {
namespace {

using image::Tree;
using image::UpperEntry;
using testing::Add;
using testing::At;
using testing::Directory;
using testing::File;
using ::testing::HasSubstr;
using testing::Link;
using testing::List;
using testing::MakeTree;

class FileCopyTest : public ::testing::Test {
 protected:
  // What is in the target after the copy, or the error.
  std::string Copy(const dockerfile::Copy& copy) {
    Status copied = world_.Copy(MakeTree(source_), target_, copy);
    return copied ? List(target_) : copied.error().message();
  }
  std::string Copy(std::vector<std::string> sources, std::string destination) {
    return Copy({.sources = std::move(sources), .destination = std::move(destination)});
  }
  cas::Digest Fingerprint(const dockerfile::Copy& copy) {
    return FileCopy::Select(MakeTree(source_), copy, {}, world_.Services()).value().Fingerprint();
  }

  testing::World world_;
  std::vector<std::pair<std::string, image::TreeInode>> source_ = {
      {"/a.txt", File("a", 0640)}, {"/b.txt", File("b")},     {"/c.md", File("c")},
      {"/dir", Directory(0700)},   {"/dir/d.txt", File("d")}, {"/dir/sub/e.md", File("e")}};
  Tree target_;
};

TEST_F(FileCopyTest, AFileTakesTheDestinationsNameOrGoesIntoIt) {
  EXPECT_EQ(Copy({"a.txt"}, "/x/y"), "x/ x/y");
  EXPECT_EQ(Copy({"/b.txt"}, "/x/"), "x/ x/b.txt x/y");
  EXPECT_EQ(Copy({"../c.md"}, "/x"), "x/ x/b.txt x/c.md x/y");
  EXPECT_EQ(At(target_, "/x/y")->digest, cas::Digest::Of("a"));
  EXPECT_EQ(At(target_, "/x/y")->mode, uint32_t{S_IFREG | 0640});
  EXPECT_EQ(At(target_, "/x/y")->mtime, 7);
  EXPECT_EQ(At(target_, "/x")->mode, uint32_t{S_IFDIR | 0755});
  EXPECT_EQ(Copy({"c.md"}, "/x/y"), "x/ x/b.txt x/c.md x/y");
  EXPECT_EQ(At(target_, "/x/y")->digest, cas::Digest::Of("c"));
}

TEST_F(FileCopyTest, ADirectoryGivesItsContents) {
  EXPECT_EQ(Copy({"dir"}, "/x"), "x/ x/d.txt x/sub/ x/sub/e.md");
  EXPECT_EQ(At(target_, "/x")->mode, uint32_t{S_IFDIR | 0755});  // not the source's
  EXPECT_EQ(At(target_, "/x")->mtime, 8);
}

TEST_F(FileCopyTest, ExistingDirectoriesMergeAndTakeTheSourcesMetadataBelowTheDestination) {
  source_ = {{"/tmp", Directory(0700)}, {"/tmp/f", File("f")}};
  Add(target_, "/tmp", Directory(01777));
  Add(target_, "/tmp/old", File("old"));
  target_.root().inode->mode = S_IFDIR | 0711;
  EXPECT_EQ(Copy({"."}, "/"), "tmp/ tmp/f tmp/old");
  EXPECT_EQ(target_.root().inode->mode, uint32_t{S_IFDIR | 0711});
  EXPECT_EQ(At(target_, "/tmp")->mode, uint32_t{S_IFDIR | 0700});
}

TEST_F(FileCopyTest, PatternsNameWhatMatches) {
  EXPECT_EQ(Copy({"*.txt"}, "/x/"), "x/ x/a.txt x/b.txt");
  EXPECT_EQ(Copy({"d?r/[a-d].t*t"}, "/x/"), "x/ x/a.txt x/b.txt x/d.txt");
  EXPECT_EQ(Copy({"*/sub/*"}, "/one"), "one x/ x/a.txt x/b.txt x/d.txt");
  EXPECT_EQ(Copy({"c.md", "none*", "other/*"}, "/one"), "one x/ x/a.txt x/b.txt x/d.txt");
  EXPECT_EQ(At(target_, "/one")->digest, cas::Digest::Of("c"));
  EXPECT_THAT(Copy({"[a-"}, "/x/"), HasSubstr("[a-"));
}

TEST_F(FileCopyTest, SeveralSourcesNeedADirectory) {
  EXPECT_THAT(Copy({"*.txt"}, "/x"), HasSubstr("ends in '/'"));
  EXPECT_THAT(Copy({"a.txt", "c.md"}, "/x"), HasSubstr("ends in '/'"));
  Add(target_, "/x", Directory());
  EXPECT_EQ(Copy({"a.txt", "c.md"}, "/x"), "x/ x/a.txt x/c.md");
}

TEST_F(FileCopyTest, WhatIsNotThereIsNamed) {
  for (const char* source : {"nothing", "dir/nothing", "a.txt/x"}) {
    dockerfile::Copy copy{.sources = {source}, .destination = "/x/"};
    Status copied = world_.Copy(MakeTree(source_), target_, copy);
    ASSERT_FALSE(copied) << source;
    EXPECT_EQ(copied.error().code(), Code::kNotFound);
    EXPECT_THAT(copied.error().message(), HasSubstr(source));
  }
}

TEST_F(FileCopyTest, FilesAndDirectoriesDoNotTakeEachOthersPlace) {
  Add(target_, "/f", File("f"));
  Add(target_, "/x/d.txt/in", File("in"));
  EXPECT_THAT(Copy({"dir"}, "/f"), HasSubstr("no directory"));
  EXPECT_THAT(Copy({"a.txt"}, "/f/"), HasSubstr("no directory"));
  EXPECT_THAT(Copy({"a.txt"}, "/f/g"), HasSubstr("no directory"));
  EXPECT_THAT(Copy({"dir"}, "/x"), HasSubstr("is a directory"));
  EXPECT_EQ(At(target_, "/x/d.txt/in")->digest, cas::Digest::Of("in"));
}

TEST_F(FileCopyTest, ExcludedFilesStayAway) {
  EXPECT_EQ(Copy({.sources = {"."}, .destination = "/x", .excludes = {"**/*.md", "b.*"}}),
            "x/ x/a.txt x/dir/ x/dir/d.txt x/dir/sub/");
  target_ = Tree();
  EXPECT_EQ(Copy({.sources = {"*.txt", "dir"}, .destination = "/x/", .excludes = {"a.txt", "sub"}}),
            "x/ x/b.txt x/d.txt");
  target_ = Tree();
  EXPECT_EQ(Copy({.sources = {"."}, .destination = "/x", .excludes = {"*", "!dir/sub"}}),
            "x/ x/dir/ x/dir/sub/ x/dir/sub/e.md");
}

TEST_F(FileCopyTest, ParentsAreKeptFromThePivotOn) {
  EXPECT_EQ(Copy({.sources = {"dir/sub/e.md", "a.txt"}, .destination = "/x/", .parents = true}),
            "x/ x/a.txt x/dir/ x/dir/sub/ x/dir/sub/e.md");
  EXPECT_EQ(At(target_, "/x/dir")->mode, uint32_t{S_IFDIR | 0700});
  target_ = Tree();
  EXPECT_EQ(Copy({.sources = {"./dir/./sub/*.md"}, .destination = "/x", .parents = true}), "x/ x/sub/ x/sub/e.md");
  target_ = Tree();
  EXPECT_EQ(Copy({.sources = {"**/*.txt"}, .destination = "/", .parents = true}), "a.txt b.txt dir/ dir/d.txt");
  target_ = Tree();
  EXPECT_EQ(Copy({.sources = {"d*/./sub"}, .destination = "/x/", .parents = true}), "x/ x/sub/ x/sub/e.md");
  EXPECT_THAT(Copy({.sources = {"dir/none"}, .destination = "/x/", .parents = true}), HasSubstr("dir/none"));
}

TEST_F(FileCopyTest, LinksOfTheSourceAreFollowedOnlyWhereTheyAreNamed) {
  source_.insert(source_.end(), {{"/to_file", Link("dir/d.txt")},
                                 {"/to_dir", Link("/dir")},
                                 {"/dir/up", Link("../a.txt")},
                                 {"/dir/dangling", Link("/none")}});
  EXPECT_EQ(Copy({"to_file"}, "/x/"), "x/ x/to_file");
  EXPECT_EQ(At(target_, "/x/to_file")->digest, cas::Digest::Of("d"));
  target_ = Tree();
  EXPECT_EQ(Copy({"to_dir"}, "/x/"), "x/ x/d.txt x/dangling@/none x/sub/ x/sub/e.md x/up@../a.txt");
  target_ = Tree();
  EXPECT_EQ(Copy({"to_dir/sub"}, "/x"), "x/ x/e.md");
  EXPECT_THAT(Copy({"dir/dangling"}, "/x"), HasSubstr("not there"));
}

TEST_F(FileCopyTest, NoLinkOfTheSourceLeadsOutsideOrOnForever) {
  source_.insert(source_.end(), {{"/up", Link("../../../../a.txt")},
                                 {"/abs", Link("/etc/passwd")},
                                 {"/one", Link("two")},
                                 {"/two", Link("one")},
                                 {"/dir/self", Link(".")}});
  EXPECT_EQ(Copy({"up"}, "/x"), "x");
  EXPECT_THAT(Copy({"abs"}, "/y"), HasSubstr("not there"));
  EXPECT_THAT(Copy({"one"}, "/y"), HasSubstr("too many links"));
  std::string deep = "dir";
  for (int i = 0; i < 41; ++i) deep += "/self";
  EXPECT_THAT(Copy({deep + "/d.txt"}, "/y"), HasSubstr("too many links"));
}

TEST_F(FileCopyTest, LinksOfTheTargetAreFollowedInsideItAndNeverBelowTheDestination) {
  Add(target_, "/usr/bin", Directory());
  Add(target_, "/bin", Link("../../usr/bin"));
  Add(target_, "/file", Link("usr/new/place"));
  EXPECT_EQ(Copy({"a.txt"}, "/bin/"), "bin@../../usr/bin file@usr/new/place usr/ usr/bin/ usr/bin/a.txt");
  EXPECT_EQ(Copy({"b.txt"}, "/file"),
            "bin@../../usr/bin file@usr/new/place usr/ usr/bin/ usr/bin/a.txt usr/new/ usr/new/place");
  Add(target_, "/x/sub", Link("/usr"));
  EXPECT_THAT(Copy({"dir"}, "/x"), HasSubstr("'sub'"));
  Add(target_, "/y/a.txt", Link("/usr/bin/a.txt"));
  ASSERT_TRUE(At(target_, "/usr/bin/a.txt"));
  Copy({"b.txt"}, "/y/a.txt");  // the end of the destination is followed
  EXPECT_EQ(At(target_, "/usr/bin/a.txt")->digest, cas::Digest::Of("b"));
  Copy({"a.txt"}, "/y/");  // what lies below is not
  EXPECT_EQ(At(target_, "/y/a.txt")->digest, cas::Digest::Of("a"));
  EXPECT_EQ(At(target_, "/usr/bin/a.txt")->digest, cas::Digest::Of("b"));
}

TEST_F(FileCopyTest, ALoopInTheTargetIsAnError) {
  Add(target_, "/one", Link("two"));
  Add(target_, "/two", Link("/one"));
  EXPECT_THAT(Copy({"a.txt"}, "/one/x"), HasSubstr("too many links"));
  EXPECT_THAT(Copy({"dir"}, "/one"), HasSubstr("too many links"));
}

TEST_F(FileCopyTest, ALinkedCopyReplacesLinksAndKeepsDirectoriesOnTheWay) {
  Add(target_, "/usr/bin", Directory());
  Add(target_, "/bin", Link("usr/bin"));
  Add(target_, "/tmp", Directory(01777));
  EXPECT_EQ(Copy({.sources = {"a.txt"}, .destination = "/bin/", .link = true}), "bin/ bin/a.txt tmp/ usr/ usr/bin/");
  Copy({.sources = {"dir"}, .destination = "/tmp", .link = true});
  EXPECT_EQ(At(target_, "/tmp")->mode, uint32_t{S_IFDIR | 01777});
  ASSERT_TRUE(At(target_, "/tmp/sub/e.md"));
  Copy({.sources = {"a.txt"}, .destination = "/bin/../tmp/", .link = true});
  EXPECT_EQ(At(target_, "/tmp")->mode, uint32_t{S_IFDIR | 01777});
}

TEST_F(FileCopyTest, FilesKeepTheirOwnerUnlessAnotherIsNamed) {
  source_[0].second.uid = 5;
  Copy({"a.txt"}, "/x/");
  EXPECT_EQ(At(target_, "/x/a.txt")->uid, 5u);
  Copy({.sources = {"a.txt"}, .destination = "/y/z/", .chown = "10:11"});
  EXPECT_EQ(At(target_, "/y/z/a.txt")->uid, 10u);
  EXPECT_EQ(At(target_, "/y/z/a.txt")->gid, 11u);
  EXPECT_EQ(At(target_, "/y")->uid, 10u);
  EXPECT_EQ(At(target_, "/x")->uid, 0u);
}

TEST_F(FileCopyTest, OwnersAreLookedUpInTheTarget) {
  std::string passwd = "root:x:0:0::/:/bin/sh\nada:x:7:8::/:/bin/sh\nbroken:x\n", group = "root:x:0:\nwheel:x:9:ada\n";
  world_.contents[cas::Digest::Of(passwd)] = passwd;
  world_.contents[cas::Digest::Of(group)] = group;
  Add(target_, "/lib/passwd", File(passwd));
  Add(target_, "/etc/passwd", Link("../../lib/passwd"));
  Add(target_, "/etc/group", File(group));
  auto owner = [&](const char* chown) {
    Status copied =
        world_.Copy(MakeTree(source_), target_, {.sources = {"a.txt"}, .destination = "/f", .chown = chown});
    if (!copied) return copied.error().message();
    return fmt::format("{}:{}", At(target_, "/f")->uid, At(target_, "/f")->gid);
  };
  EXPECT_EQ(owner("ada"), "7:8");
  EXPECT_EQ(owner("ada:wheel"), "7:9");
  EXPECT_EQ(owner("ada:3"), "7:3");
  EXPECT_EQ(owner("4"), "4:4");
  EXPECT_EQ(owner("4:wheel"), "4:9");
  EXPECT_EQ(owner(":wheel"), "0:9");
  EXPECT_THAT(owner("bob"), HasSubstr("'bob'"));
  EXPECT_THAT(owner("ada:nobody"), HasSubstr("'nobody'"));
  EXPECT_THAT(owner("broken"), HasSubstr("'broken'"));
  EXPECT_THAT(owner("4294967295"), HasSubstr("no user"));
}

TEST_F(FileCopyTest, ModesAreChangedButNotThoseOfLinks) {
  source_.push_back({"/dir/link", Link("d.txt")});
  Copy({.sources = {"dir"}, .destination = "/x/y", .chmod = "u=rwX,go="});
  EXPECT_EQ(At(target_, "/x/y/d.txt")->mode, uint32_t{S_IFREG | 0600});
  EXPECT_EQ(At(target_, "/x/y/sub")->mode, uint32_t{S_IFDIR | 0700});
  EXPECT_EQ(At(target_, "/x/y")->mode, uint32_t{S_IFDIR | 0700});
  EXPECT_EQ(At(target_, "/x")->mode, uint32_t{S_IFDIR | 0755});
  EXPECT_EQ(At(target_, "/x/y/link")->mode, uint32_t{S_IFLNK | 0777});
  EXPECT_THAT(Copy({.sources = {"dir"}, .destination = "/x", .chmod = "888"}), HasSubstr("no mode"));
}

TEST_F(FileCopyTest, HardLinksAttributesAndSpecialFilesArrive) {
  Tree source = MakeTree({{"/d/one", File("1")}, {"/d/fifo", {.mode = S_IFIFO | 0600}}});
  auto& d = *source.root().children.at("d");
  d.children["two"] = std::make_unique<image::TreeNode>();
  d.children["two"]->inode = d.children["one"]->inode;
  d.children["one"]->inode->xattrs["security.capability"] = "cap";
  const auto* before = d.children["one"]->inode.get();
  ASSERT_TRUE(world_.Copy(source, target_, {.sources = {"d"}, .destination = "/x"}));
  EXPECT_EQ(At(target_, "/x/one"), At(target_, "/x/two"));
  EXPECT_NE(At(target_, "/x/one"), before);
  EXPECT_EQ(At(target_, "/x/two")->xattrs.at("security.capability"), "cap");
  EXPECT_EQ(At(target_, "/x/fifo")->mode, uint32_t{S_IFIFO | 0600});
}

TEST_F(FileCopyTest, NamesLikeWhiteoutsAreNames) {
  source_ = {{"/d/.wh.x", File("w")}, {"/d/.wh..wh..opq", File("o")}};
  Add(target_, "/d/x", File("x"));
  EXPECT_EQ(Copy({"d"}, "/d"), "d/ d/.wh..wh..opq d/.wh.x d/x");
}

TEST_F(FileCopyTest, HeredocsAreFilesOfTheirDelimitersNames) {
  EXPECT_EQ(Copy({.heredocs = {{.name = "EOF", .content = "hi\n"}, {.name = "empty"}}, .destination = "/x/"}),
            "x/ x/EOF x/empty");
  EXPECT_EQ(At(target_, "/x/EOF")->mode, uint32_t{S_IFREG | 0644});
  EXPECT_EQ(At(target_, "/x/EOF")->digest, cas::Digest::Of("hi\n"));
  EXPECT_EQ(At(target_, "/x/EOF")->mtime, kAddedFileTime);
  EXPECT_TRUE(At(target_, "/x/empty")->digest.IsZero());
  EXPECT_EQ(world_.contents.at(cas::Digest::Of("hi\n")), "hi\n");
}

TEST_F(FileCopyTest, DownloadsTakeThePlacesOfTheirUrls) {
  dockerfile::Copy add{.add = true, .sources = {"a.txt", "https://example.test/f"}, .destination = "/x/"};
  ASSERT_TRUE(world_.Copy(MakeTree(source_), target_, add, {{"f", File("f", 0600)}}));
  EXPECT_EQ(List(target_), "x/ x/a.txt x/f");
  for (const char* name : {"", "..", "a/b"}) {
    add.sources = {"https://example.test/f"};
    EXPECT_FALSE(world_.Copy(MakeTree(source_), target_, add, {{name, File("f")}})) << name;
  }
}

}  // namespace
}  // namespace burrow::builder

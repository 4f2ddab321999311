// ADD of archives, and what a copy's fingerprint tells apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder/file_copy.h"
#include "builder/testing/tree_maker.h"

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

UpperEntry Entry(std::string path, image::TreeInode inode) {
  return {.path = std::move(path), .inode = std::make_shared<image::TreeInode>(std::move(inode))};
}

class AddArchiveTest : public ::testing::Test {
 protected:
  std::string AddAll(std::vector<UpperEntry> entries, dockerfile::Copy copy) {
    world_.archives[cas::Digest::Of("tar")] = std::move(entries);
    copy.add = true;
    copy.sources = {"x.tar"};
    Status added = world_.Copy(MakeTree({{"/x.tar", File("tar")}}), target_, copy);
    return added ? List(target_) : added.error().message();
  }

  testing::World world_;
  Tree target_;
};

TEST_F(AddArchiveTest, ItsEntriesGoBelowTheDestination) {
  auto owned = File("f");
  owned.uid = 5;
  std::vector<UpperEntry> entries = {Entry("", Directory(0700)),
                                     {.kind = UpperEntry::Kind::kDirectory, .path = "d"},
                                     Entry("d/f", owned),
                                     {.kind = UpperEntry::Kind::kHardLink, .path = "g", .target = "d/f"},
                                     Entry(".wh.x", File("w"))};
  Add(target_, "/opt/x", File("x"));
  EXPECT_EQ(AddAll(entries, {.destination = "/opt"}), "opt/ opt/.wh.x opt/d/ opt/d/f opt/g opt/x");
  EXPECT_EQ(At(target_, "/opt/g"), At(target_, "/opt/d/f"));
  EXPECT_EQ(At(target_, "/opt/g")->uid, 5u);
  EXPECT_EQ(At(target_, "/opt")->mode, uint32_t{S_IFDIR | 0755});
  AddAll(entries, {.destination = "/opt", .chown = "3:4"});
  EXPECT_EQ(At(target_, "/opt/g")->uid, 3u);
}

TEST_F(AddArchiveTest, IsCopiedWhereItIsNotToBeUnpackedOrIsNone) {
  EXPECT_EQ(AddAll({}, {.destination = "/x/", .unpack = false}), "x/ x/x.tar");
  world_.archives.clear();
  dockerfile::Copy add{.add = true, .sources = {"y"}, .destination = "/y"};
  ASSERT_TRUE(world_.Copy(MakeTree({{"/y", File("no tar")}}), target_, add));
  EXPECT_EQ(At(target_, "/y")->digest, cas::Digest::Of("no tar"));
  dockerfile::Copy download{.add = true, .sources = {"http://example.test/x.tar"}, .destination = "/d/"};
  world_.archives[cas::Digest::Of("tar")] = {Entry("in", File("i"))};
  ASSERT_TRUE(world_.Copy({}, target_, download, {{"x.tar", File("tar")}}));
  EXPECT_TRUE(At(target_, "/d/x.tar"));
  download.unpack = true;
  ASSERT_TRUE(world_.Copy({}, target_, download, {{"x.tar", File("tar")}}));
  EXPECT_TRUE(At(target_, "/d/in"));
}

TEST_F(AddArchiveTest, LinksInItsWayAreFollowedInsideTheDestination) {
  Add(target_, "/root/usr/lib", Directory());
  Add(target_, "/root/lib", Link("usr/lib"));
  Add(target_, "/etc/passwd", File("p"));
  std::vector<UpperEntry> entries = {{.kind = UpperEntry::Kind::kDirectory, .path = "lib"},
                                     Entry("lib/f", File("f")),
                                     Entry("out", Link("/etc")),
                                     Entry("up", Link("../../etc")),
                                     Entry("out/passwd", File("evil")),
                                     Entry("up/passwd", File("evil"))};
  EXPECT_EQ(
      AddAll(entries, {.destination = "/root"}),
      "etc/ etc/passwd root/ root/etc/ root/etc/passwd root/lib@usr/lib root/out@/etc root/up@../../etc root/usr/ "
      "root/usr/lib/ root/usr/lib/f");
  EXPECT_EQ(At(target_, "/etc/passwd")->digest, cas::Digest::Of("p"));
  EXPECT_THAT(AddAll({{.kind = UpperEntry::Kind::kHardLink, .path = "h", .target = "../../etc/shadow"}},
                     {.destination = "/root"}),
              HasSubstr("no file"));
}

TEST_F(AddArchiveTest, WhatIsInItsPlaceIsReplaced) {
  Add(target_, "/x/f/old", File("old"));
  Add(target_, "/x/l", Link("/etc"));
  EXPECT_EQ(AddAll({Entry("f", File("f")), Entry("l", Directory()), Entry("l/in", File("i"))}, {.destination = "/x"}),
            "x/ x/f x/l/ x/l/in");
  EXPECT_THAT(AddAll({{.kind = UpperEntry::Kind::kWhiteout, .path = "f"}}, {.destination = "/x"}), HasSubstr("'f'"));
  EXPECT_THAT(AddAll({Entry("f/g", File("g"))}, {.destination = "/x"}), HasSubstr("no directory"));
}

class FingerprintTest : public ::testing::Test {
 protected:
  cas::Digest Of(const std::vector<std::pair<std::string, image::TreeInode>>& nodes, dockerfile::Copy copy = {}) {
    if (copy.sources.empty()) copy.sources = {"."};
    if (copy.destination.empty()) copy.destination = "/x";
    return FileCopy::Select(MakeTree(nodes), copy, {}, world_.Services()).value().Fingerprint();
  }
  testing::World world_;
};

TEST_F(FingerprintTest, IsTheSameForTheSameAndForOtherTimes) {
  auto later = File("a");
  later.mtime = 99;
  later.mtime_ns = 1;
  EXPECT_EQ(Of({{"/a", File("a")}}), Of({{"/a", later}}));
  // What is not copied does not count.
  EXPECT_EQ(Of({{"/a", File("a")}}, {.sources = {"a"}}),
            Of({{"/a", File("a")}, {"/b", File("b")}}, {.sources = {"a"}}));
}

TEST_F(FingerprintTest, DiffersWhereTheOutcomeMay) {
  auto owned = File("a"), marked = File("a");
  owned.uid = 1;
  marked.xattrs["user.x"] = "y";
  std::vector<cas::Digest> digests = {
      Of({}),
      Of({{"/a", File("a")}}),
      Of({{"/a", File("b")}}),
      Of({{"/b", File("a")}}),
      Of({{"/a", File("a", 0600)}}),
      Of({{"/a", owned}}),
      Of({{"/a", marked}}),
      Of({{"/a", Link("a")}}),
      Of({{"/a", Link("b")}}),
      Of({{"/a", Directory()}}),
      Of({{"/a/b", File("a")}}),
      Of({{"/a", File("a")}, {"/b", File("a")}}),
      Of({{"/a", File("a")}}, {.destination = "/y"}),
      Of({{"/a", File("a")}}, {.destination = "/x/"}),
      Of({{"/a", File("a")}}, {.chown = "1"}),
      Of({{"/a", File("a")}}, {.chmod = "1"}),
      Of({{"/a", File("a")}}, {.link = true}),
      Of({{"/a", File("a")}}, {.sources = {"a"}}),
      Of({{"/a", File("a")}}, {.add = true, .sources = {"a"}}),
      Of({{"/a", File("a")}}, {.sources = {"a", "a"}}),
  };
  std::sort(digests.begin(), digests.end());
  EXPECT_EQ(std::adjacent_find(digests.begin(), digests.end()), digests.end());
}

}  // namespace
}  // namespace burrow::builder

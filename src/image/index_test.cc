#include "image/index.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/stat.h>

#include "cas/frames.h"
#include "image/testing/describe.h"
#include "image/testing/tree_parts.h"
#include "image/tree.h"

namespace burrow::image {
namespace {

using testing::Add;
using testing::AsBytes;
using testing::Describe;
using testing::NewFile;
using testing::NewLink;
using testing::RandomTree;

std::shared_ptr<TreeInode> Large() {
  auto inode = NewFile("large");
  inode->size = cas::kFramedFrom;
  inode->frames = cas::Digest::Of("table");
  return inode;
}

Tree SmallTree() {
  Tree tree;
  TreeNode* bin = tree.MakeDirectories("/usr/bin").value();
  auto python = NewFile("python");
  python->mode = S_IFREG | S_ISUID | 0755;
  python->mtime = -5;
  python->mtime_ns = 999'999'999;
  python->xattrs = {{"security.capability", std::string("\1\0\2", 3)}, {"user.empty", ""}};
  Add(*bin, "python3", python);
  Add(*bin, "python3.11", python);
  Add(*bin, "\xff\xfe", NewFile(""));
  Add(*bin, "large", Large());
  Add(tree.root(), "bin", NewLink("usr/bin"));
  auto null = std::make_shared<TreeInode>();
  null->mode = S_IFCHR | 0666;
  null->rdev = 0x103;
  Add(*tree.MakeDirectories("/dev").value(), "null", null);
  return tree;
}

TEST(Index, FindsWhatTheTreeHolds) {
  std::string bytes = SmallTree().Encode().value();
  Index index = Index::Open(AsBytes(bytes)).value();
  InodeNumber usr = index.Lookup(kRootInode, "usr").value();
  InodeNumber bin = index.Lookup(usr, "bin").value();
  EXPECT_EQ(index.parent(bin), usr);
  EXPECT_EQ(index.parent(usr), kRootInode);
  EXPECT_EQ(index.entry_count(bin), 4u);
  EXPECT_FALSE(index.Lookup(bin, "python"));
  EXPECT_FALSE(index.Lookup(bin, "python3.110"));
  EXPECT_TRUE(index.Lookup(bin, "\xff\xfe"));

  InodeNumber python = index.Lookup(bin, "python3").value();
  EXPECT_EQ(index.Lookup(bin, "python3.11"), python);
  Inode inode = index.inode(python);
  EXPECT_EQ(inode.nlink, 2u);
  EXPECT_EQ(inode.mode, uint32_t{S_IFREG | S_ISUID | 0755});
  EXPECT_EQ(inode.mtime, -5);
  EXPECT_EQ(inode.mtime_ns, 999'999'999u);
  EXPECT_EQ(inode.digest, cas::Digest::Of("python"));
  auto xattrs = index.xattrs(python);
  ASSERT_EQ(xattrs.size(), 2u);
  EXPECT_EQ(xattrs[0].value, std::string_view("\1\0\2", 3));

  EXPECT_EQ(index.inode(index.Lookup(kRootInode, "bin").value()).target, "usr/bin");
  EXPECT_EQ(index.inode(kRootInode).nlink, 4u);
  EXPECT_EQ(index.file_count(), 3u);
  EXPECT_EQ(index.total_file_bytes(), 6 + cas::kFramedFrom);
  EXPECT_EQ(index.inode(index.Lookup(bin, "large").value()).frames, cas::Digest::Of("table"));
  EXPECT_TRUE(inode.frames.IsZero());
  EXPECT_TRUE(index.has_xattrs());
}

TEST(Index, HoldsAnEmptyTree) {
  std::string bytes = Tree().Encode().value();
  Index index = Index::Open(AsBytes(bytes)).value();
  EXPECT_EQ(index.inode_count(), 1u);
  EXPECT_EQ(index.entry_count(kRootInode), 0u);
  EXPECT_FALSE(index.has_xattrs());
}

TEST(Index, NeedsAtMostAHundredBytesAFileBesideItsName) {
  constexpr size_t kDirectories = 100, kFiles = 50;
  Tree tree;
  size_t names = std::string("packages").size();
  for (size_t i = 0; i < kDirectories; ++i) {
    std::string directory = "package" + std::to_string(i);
    names += directory.size();
    TreeNode* node = tree.MakeDirectories("/packages/" + directory).value();
    for (size_t j = 0; j < kFiles; ++j) {
      std::string name = "module" + std::to_string(j) + ".py";
      names += name.size();
      Add(*node, name, NewFile(directory + name));
    }
  }
  EXPECT_LE(tree.Encode().value().size(), kDirectories * kFiles * 100 + names) << "directories included";
}

TEST(Index, RefusesEveryTruncationAndExtension) {
  std::string bytes = SmallTree().Encode().value();
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(Index::Open(AsBytes(bytes.substr(0, length)))) << length;
  }
  EXPECT_FALSE(Index::Open(AsBytes(bytes + "x")));
}

// A changed byte either breaks a rule or describes another tree, which then encodes to exactly these bytes.
TEST(Index, AcceptsOnlyTheOneEncodingOfATree) {
  std::string bytes = SmallTree().Encode().value();
  int refused = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      auto index = Index::Open(AsBytes(changed));
      if (!index) {
        ++refused;
        continue;
      }
      EXPECT_EQ(Tree::FromIndex(*index)->Encode().value(), changed) << "byte " << at;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(Index, NamesTheFormatOfANewerVersion) {
  std::string bytes = SmallTree().Encode().value();
  bytes[8] = 3;
  auto index = Index::Open(AsBytes(bytes));
  EXPECT_EQ(index.error().code(), Code::kFailedPrecondition);
}

TEST(Tree, RefusesWhatAnIndexCannotHold) {
  for (const char* name : {".", "..", "", "a/b"}) {
    Tree tree;
    Add(tree.root(), name, NewFile("x"));
    EXPECT_EQ(tree.Encode().error().code(), Code::kInvalidArgument) << name;
  }
  Tree long_name;
  Add(long_name.root(), std::string(256, 'n'), NewFile("x"));
  EXPECT_FALSE(long_name.Encode());
  Tree long_target;
  Add(long_target.root(), "link", NewLink(std::string(4096, 't')));
  EXPECT_FALSE(long_target.Encode());
  Tree whiteout;
  auto gone = std::make_shared<TreeInode>();
  gone->mode = S_IFCHR;
  Add(whiteout.root(), "gone", gone);
  EXPECT_FALSE(whiteout.Encode());
  Tree frameless;
  auto large = Large();
  large->frames = cas::Digest();
  Add(frameless.root(), "large", large);
  EXPECT_FALSE(frameless.Encode());
  Tree overlay;
  auto file = NewFile("x");
  file->xattrs["trusted.overlay.redirect"] = "/etc/shadow";
  Add(overlay.root(), "file", file);
  EXPECT_FALSE(overlay.Encode());
  Tree twice;
  TreeNode* directory = twice.MakeDirectories("/a").value();
  Add(twice.root(), "b", directory->inode);
  EXPECT_FALSE(twice.Encode());
}

TEST(Tree, BoundsTheDepth) {
  std::string path;
  for (uint32_t i = 0; i < kMaxDepth; ++i) path += "/d";
  Tree tree;
  ASSERT_TRUE(tree.MakeDirectories(path));
  EXPECT_TRUE(tree.Encode());
  ASSERT_TRUE(tree.MakeDirectories(path + "/d"));
  EXPECT_FALSE(tree.Encode());
}

TEST(Tree, MakesNoDirectoryThroughAFile) {
  Tree tree = SmallTree();
  EXPECT_EQ(tree.MakeDirectories("/usr/bin/python3/x").error().code(), Code::kInvalidArgument);
  EXPECT_FALSE(tree.MakeDirectories("relative"));
  EXPECT_FALSE(tree.MakeDirectories("/usr/../etc"));
}

// Random trees.
std::string IndexName() {
  return *rc::gen::container<std::string>(*rc::gen::inRange(1, 6), rc::gen::elementOf(std::string("ab.\xc3\xff Z")));
}

std::shared_ptr<TreeInode> IndexInode() {
  auto inode = std::make_shared<TreeInode>();
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      inode = NewLink("../" + IndexName());
      break;
    case 1:
      inode->mode = S_IFBLK | 0600;
      inode->rdev = *rc::gen::arbitrary<uint32_t>();
      break;
    default:
      inode = NewFile(*rc::gen::arbitrary<std::string>());
  }
  if (S_ISREG(inode->mode) && *rc::gen::inRange(0, 4) == 0) inode = Large();
  inode->mode |= *rc::gen::inRange<uint32_t>(0, 010000);
  inode->uid = *rc::gen::arbitrary<uint32_t>();
  inode->gid = *rc::gen::arbitrary<uint32_t>();
  inode->mtime = *rc::gen::arbitrary<int64_t>();
  inode->mtime_ns = *rc::gen::inRange<uint32_t>(0, 1'000'000'000);
  if (*rc::gen::inRange(0, 5) == 0) inode->xattrs["user." + IndexName()] = *rc::gen::arbitrary<std::string>();
  return inode;
}

TEST(Index, GivesBackEveryTreeAndAlwaysTheSameBytes) {
  EXPECT_TRUE(rc::check("tree -> index -> tree", [] {
    Tree tree = RandomTree(40, IndexName, IndexInode);
    std::string bytes = tree.Encode().value();
    Tree back = Tree::FromIndex(Index::Open(AsBytes(bytes)).value()).value();
    RC_ASSERT(Describe(back) == Describe(tree));
    RC_ASSERT(back.Encode().value() == bytes);
  }));
}

}  // namespace
}  // namespace burrow::image

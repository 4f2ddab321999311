#include "image/import.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "cas/disk_blob_store.h"
#include "cas/frames.h"
#include "cas/http_blob_store.h"
#include "cas/testing/blob_server.h"
#include "cas/testing/temporary_directory.h"
#include "image/testing/describe.h"
#include "os/overlay.h"

namespace burrow::image {
namespace {

namespace fs = std::filesystem;
using cas::testing::TemporaryDirectory;
using testing::Describe;

void Write(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

class ImportTest : public ::testing::Test {
 protected:
  ImportTest() { fs::create_directory(tree_); }
  TemporaryDirectory directory_;
  std::string tree_ = directory_ / "tree";
  std::unique_ptr<cas::DiskBlobStore> store_ = cas::DiskBlobStore::Open(directory_ / "blobs").value();
  ImportStats stats_;
};

const TreeNode& At(const Tree& tree, const std::string& name) { return *tree.root().children.at(name); }

TEST_F(ImportTest, KeepsWhatLstatSays) {
  Write(tree_ + "/file", "content");
  ASSERT_EQ(::chmod((tree_ + "/file").c_str(), 04751), 0);
  timespec times[2] = {{1, 2}, {-3, 123'456'789}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (tree_ + "/file").c_str(), times, 0), 0);
  fs::create_hard_link(tree_ + "/file", tree_ + "/zlink");
  fs::create_symlink("/etc/passwd", tree_ + "/symlink");
  fs::create_directory(tree_ + "/dir");
  ASSERT_EQ(::mkfifo((tree_ + "/fifo").c_str(), 0640), 0);
  Write(tree_ + "/empty", "");
  Tree tree = ImportDirectory(tree_, *store_, &stats_).value();

  const TreeInode& file = *At(tree, "file").inode;
  EXPECT_EQ(file.mode, uint32_t{S_IFREG | 04751});
  EXPECT_EQ(file.mtime, -3);
  EXPECT_EQ(file.mtime_ns, 123'456'789u);
  EXPECT_EQ(file.digest, cas::Digest::Of("content"));
  EXPECT_EQ(At(tree, "zlink").inode, At(tree, "file").inode);
  EXPECT_EQ(At(tree, "symlink").inode->target, "/etc/passwd");
  EXPECT_TRUE(S_ISDIR(At(tree, "dir").inode->mode));
  EXPECT_TRUE(S_ISFIFO(At(tree, "fifo").inode->mode));
  EXPECT_TRUE(At(tree, "empty").inode->digest.IsZero());
  EXPECT_TRUE(tree.Encode());
  EXPECT_EQ(cas::GetAll(*store_, file.digest, 100).value(), "content");
  EXPECT_EQ(stats_.files, 2u);
  EXPECT_EQ(stats_.bytes, 7u);
  EXPECT_EQ(stats_.new_blobs, 1u);
}

TEST_F(ImportTest, PutsOnlyWhatTheStoreLacks) {
  for (int i = 0; i < 2500; ++i) Write(tree_ + "/" + std::to_string(i), std::to_string(i % 2000));
  Tree first = ImportDirectory(tree_, *store_, &stats_).value();
  EXPECT_EQ(stats_.new_blobs, 2000u);
  Tree second = ImportDirectory(tree_, *store_, &stats_).value();
  EXPECT_EQ(stats_.new_blobs, 0u);
  EXPECT_EQ(stats_.files, 2500u);
  EXPECT_EQ(first.Encode().value(), second.Encode().value());
}

TEST_F(ImportTest, StoresTheFrameTablesOfLargeFiles) {
  std::string content(cas::kFramedFrom + 5, 'x');
  content[cas::kFrameSize] = 'y';
  Write(tree_ + "/large", content);
  Write(tree_ + "/smaller", content.substr(6));
  Tree tree = ImportDirectory(tree_, *store_, &stats_).value();
  EXPECT_TRUE(At(tree, "smaller").inode->frames.IsZero());
  auto table = cas::GetAll(*store_, At(tree, "large").inode->frames, 1000).value();
  ASSERT_EQ(table.size(), 5 * cas::Digest::kSize);
  EXPECT_EQ(cas::FrameDigest(table, 1), cas::Digest::Of(content.substr(cas::kFrameSize, cas::kFrameSize)));
  EXPECT_EQ(cas::FrameDigest(table, 4), cas::Digest::Of("xxxxx"));
  EXPECT_EQ(stats_.new_blobs, 2u);
}

TEST_F(ImportTest, AddsFrameTablesThatAreMissing) {
  Write(tree_ + "/large", std::string(cas::kFramedFrom, 'x'));
  Tree tree = ImportDirectory(tree_, *store_, nullptr).value();
  cas::Digest frames = std::exchange(At(tree, "large").inode->frames, cas::Digest());
  ASSERT_TRUE(store_->Remove(frames));
  ASSERT_TRUE(AddMissingFrames(tree, *store_));
  EXPECT_EQ(At(tree, "large").inode->frames, frames);
  EXPECT_TRUE(store_->Has(frames).value());
}

TEST_F(ImportTest, WorksAgainstABlobServer) {
  cas::testing::BlobServer server;
  auto remote = cas::NewHttpBlobStore({.url = server.url(), .token = server.token()});
  for (int i = 0; i < 100; ++i) Write(tree_ + "/" + std::to_string(i), std::to_string(i));
  Tree tree = ImportDirectory(tree_, *remote, &stats_).value();
  cas::Digest digest = PutIndex(tree, *remote).value();
  EXPECT_EQ(server.puts(), 101);
  auto cache = cas::BlobCache::Open(directory_ / "cache", remote.get()).value();
  const auto loaded = LoadIndex(*cache, digest).value();
  EXPECT_EQ(Describe(Tree::FromIndex(loaded->index()).value()), Describe(tree));
  EXPECT_EQ(LoadIndex(*cache, server.Add("no index")).error().code(), Code::kDataLoss);
}

TEST_F(ImportTest, LeavesSocketsOut) {
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  UniqueFd owner(fd);
  sockaddr_un address{.sun_family = AF_UNIX};
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", tree_.c_str());
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_TRUE(ImportDirectory(tree_, *store_, nullptr)->root().children.empty());
}

TEST_F(ImportTest, RefusesACharacterDeviceThatMeansDeleted) {
  if (::mknod((tree_ + "/gone").c_str(), S_IFCHR | 0600, 0) != 0) GTEST_SKIP() << "needs root to make a device";
  auto tree = ImportDirectory(tree_, *store_, nullptr);
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().code(), Code::kInvalidArgument);
  EXPECT_NE(tree.error().message().find("/gone"), std::string::npos);
}

TEST_F(ImportTest, NamesThePlaceOfWhatItCannotRead) {
  auto tree = ImportDirectory(directory_ / "absent", *store_, nullptr);
  EXPECT_EQ(tree.error().code(), Code::kNotFound);
  EXPECT_NE(tree.error().message().find("absent"), std::string::npos);
  std::string deep = tree_;
  UniqueFd fd(::open(tree_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (uint32_t i = 0; i <= kMaxDepth; ++i) {
    ASSERT_EQ(::mkdirat(fd.get(), "d", 0755), 0);
    fd.Reset(::openat(fd.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  EXPECT_FALSE(ImportDirectory(tree_, *store_, nullptr));
}

TEST_F(ImportTest, KeepsExtendedAttributesButNotThoseOfOverlay) {
  Write(tree_ + "/file", "x");
  std::string path = tree_ + "/file";
  if (::setxattr(path.c_str(), "user.note", "v", 1, 0) != 0 ||
      ::setxattr(path.c_str(), "trusted.overlay.origin", "o", 1, 0) != 0) {
    GTEST_SKIP() << "needs root and a filesystem with extended attributes";
  }
  Tree tree = ImportDirectory(tree_, *store_, nullptr).value();
  EXPECT_EQ(At(tree, "file").inode->xattrs, (std::map<std::string, std::string>{{"user.note", "v"}}));
}

// An overlay that tests change, in a mount namespace that nobody else sees.
class LayerTest : public ImportTest {
 protected:
  void SetUp() override {
    for (const char* name : {"upper", "work", "merged"}) fs::create_directory(directory_ / name);
  }
  void Mount() {
    lower_ = ImportDirectory(tree_, *store_, nullptr).value();
    auto mount = os::MountOverlay(
        {.lower = {.directories = {tree_}}, .upper = directory_ / "upper", .work = directory_ / "work"}, merged_);
    if (!mount) GTEST_SKIP() << "needs root and overlayfs: " << mount.error().message();
    mount_ = std::move(*mount);
  }
  // The parent with the upper applied must be what the overlay shows.
  void Compare() {
    auto upper = ImportUpper(directory_ / "upper", *store_, &stats_);
    ASSERT_TRUE(upper) << upper.error().message();
    ASSERT_TRUE(ApplyLayer(lower_, *upper));
    Tree merged = ImportDirectory(merged_, *store_, nullptr).value();
    merged.root().inode->mtime = lower_.root().inode->mtime;
    EXPECT_EQ(Describe(lower_), Describe(merged));
    EXPECT_TRUE(lower_.Encode());
  }
  Tree lower_;
  std::string merged_ = directory_ / "merged";
  os::Mount mount_;
};

TEST_F(LayerTest, AppliesWhatAnOverlayRecords) {
  for (const char* name : {"keep", "opaque", "to_file", "removed", "emptied"})
    fs::create_directories(tree_ + "/" + name + "/sub");
  for (const char* name :
       {"keep/a", "keep/b", "opaque/old", "removed/x", "emptied/x", "to_dir", "rewritten", "chmod"}) {
    Write(tree_ + "/" + name, name);
  }
  Mount();
  if (IsSkipped()) return;
  fs::remove(merged_ + "/keep/a");
  Write(merged_ + "/keep/new", "new");
  fs::remove_all(merged_ + "/opaque");
  fs::create_directory(merged_ + "/opaque");
  Write(merged_ + "/opaque/fresh", "fresh");
  fs::remove_all(merged_ + "/to_file");
  Write(merged_ + "/to_file", "now a file");
  fs::remove(merged_ + "/to_dir");
  fs::create_directory(merged_ + "/to_dir");
  Write(merged_ + "/to_dir/inside", "inside");
  fs::remove_all(merged_ + "/removed");
  fs::remove_all(merged_ + "/emptied/sub");
  Write(merged_ + "/rewritten", "other");
  ASSERT_EQ(::chmod((merged_ + "/chmod").c_str(), 0600), 0);
  Write(merged_ + "/hard", "hard");
  fs::create_hard_link(merged_ + "/hard", merged_ + "/keep/hard2");
  fs::create_symlink("keep/b", merged_ + "/sym");
  Compare();
  EXPECT_EQ(lower_.root().children.at("hard")->inode, lower_.root().children.at("keep")->children.at("hard2")->inode);
  EXPECT_EQ(lower_.root().children.count("removed"), 0u);
  EXPECT_EQ(lower_.root().children.at("opaque")->children.size(), 1u);
}

TEST_F(LayerTest, AppliesRandomChangesAsTheOverlayShowsThem) {
  std::minstd_rand random(7);
  auto name = [&] { return std::string(1, static_cast<char>('a' + random() % 4)); };
  auto change = [&](const std::string& root) {
    std::string path = root;
    for (int depth = static_cast<int>(random() % 3); depth >= 0; --depth) path += "/" + name();
    std::error_code ignored;
    switch (random() % 5) {
      case 0:
        fs::remove_all(path, ignored);
        break;
      case 1:
      case 2:
        fs::create_directories(path, ignored);
        break;
      case 3:
        if (!fs::is_directory(path)) Write(path, name());
        break;
      default:
        fs::create_hard_link(root + "/" + name(), path, ignored);
    }
  };
  for (int i = 0; i < 300; ++i) change(tree_);
  // Overlay breaks hard links of lower files that are changed one at a time; which of them is its business, so none
  // here.
  for (const auto& entry : fs::recursive_directory_iterator(tree_)) {
    if (entry.is_regular_file() && entry.hard_link_count() > 1) {
      std::string copy = entry.path().string() + "~";
      fs::copy_file(entry.path(), copy);
      fs::rename(copy, entry.path());
    }
  }
  Mount();
  if (IsSkipped()) return;
  for (int i = 0; i < 300; ++i) change(merged_);
  Compare();
}

TEST(ApplyLayer, RefusesPathsThatLeaveTheTree) {
  auto inode = std::make_shared<TreeInode>();
  inode->mode = S_IFREG;
  for (const char* path : {"../x", "a/../b", "/abs", "a//b", "missing/x", "."}) {
    Tree tree;
    EXPECT_FALSE(ApplyLayer(tree, {{.path = path, .inode = inode}})) << path;
  }
  Tree tree;
  EXPECT_FALSE(ApplyLayer(tree, {{.path = "", .inode = inode}}));
  EXPECT_FALSE(ApplyLayer(tree, {{.path = "x"}}));
  EXPECT_TRUE(ApplyLayer(tree, {{.kind = UpperEntry::Kind::kWhiteout, .path = "never-there"}}));
  EXPECT_FALSE(ApplyLayer(tree, {{.kind = UpperEntry::Kind::kWhiteout, .path = ""}}));
}

TEST(ApplyLayer, KnowsLinksToLowerLayersAndDirectoriesThatAreOnlyImplied) {
  auto file = std::make_shared<TreeInode>();
  file->mode = S_IFREG | 0644;
  auto directory = std::make_shared<TreeInode>();
  directory->mode = S_IFDIR | 0700;
  using Kind = UpperEntry::Kind;
  Tree tree;
  ASSERT_TRUE(ApplyLayer(tree, {{.path = "d", .inode = directory}, {.path = "d/f", .inode = file}}));
  ASSERT_TRUE(ApplyLayer(tree, {{.kind = Kind::kDirectory, .path = "d"},
                                {.kind = Kind::kHardLink, .path = "d/g", .target = "d/f"},
                                {.kind = Kind::kDirectory, .path = "new"},
                                {.kind = Kind::kHardLink, .path = "new/h", .target = "d/g"},
                                {.kind = Kind::kDirectory, .path = "d/f"}}));
  const TreeNode& d = At(tree, "d");
  EXPECT_EQ(d.inode, directory);
  EXPECT_EQ(d.children.at("g")->inode, file);
  EXPECT_EQ(At(tree, "new").children.at("h")->inode, file);
  EXPECT_TRUE(S_ISDIR(d.children.at("f")->inode->mode));
  EXPECT_FALSE(ApplyLayer(tree, {{.kind = Kind::kHardLink, .path = "x", .target = "d"}}));
  EXPECT_FALSE(ApplyLayer(tree, {{.kind = Kind::kHardLink, .path = "x", .target = "absent"}}));
  ASSERT_TRUE(ApplyLayer(tree, {{.kind = Kind::kEmpty, .path = "d"}, {.kind = Kind::kEmpty, .path = "absent/x"}}));
  EXPECT_TRUE(d.children.empty());
}

}  // namespace
}  // namespace burrow::image

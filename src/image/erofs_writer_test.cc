// Images are read back by the kernel, and checked by erofs-utils.
#include "image/erofs_writer.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>

#include "image/testing/describe.h"
#include "image/testing/tree_parts.h"
#include "image/tree.h"
#include "os/fs.h"
#include "os/mount.h"
#include "os/process.h"
#include "os/testing/environment.h"
#include "os/testing/own_mounts.h"

namespace burrow::image {
namespace {

using testing::Add;
using testing::AsBytes;
using testing::NewFile;
using testing::NewInode;
using testing::NewLink;
using testing::RandomTree;

constexpr std::chrono::seconds kLong{120};

// What the kernel says of one path, or what the index makes us expect it to say.
struct Seen {
  uint32_t mode = 0, uid = 0, gid = 0, nlink = 0;
  uint64_t rdev = 0, size = 0;
  int64_t mtime = 0;
  int64_t mtime_ns = 0;
  std::string target;
  std::map<std::string, std::string> xattrs;
  std::vector<std::string> names;
  bool operator==(const Seen&) const = default;
};

Seen Expected(const Index& index, InodeNumber number) {
  Inode inode = index.inode(number);
  Seen seen{.mode = inode.mode,
            .uid = inode.uid,
            .gid = inode.gid,
            .nlink = inode.nlink,
            .rdev = inode.rdev,
            .size = inode.size,
            .mtime = inode.mtime,
            .mtime_ns = inode.mtime_ns,
            .target = std::string(inode.target)};
  for (const auto& xattr : index.xattrs(number)) seen.xattrs.emplace(xattr.name, xattr.value);
  if (S_ISREG(inode.mode) && inode.size > 0) {
    seen.xattrs["trusted.overlay.metacopy"] = "";
    seen.xattrs["trusted.overlay.redirect"] = ContentPath(inode.digest);
  }
  if (!S_ISDIR(inode.mode)) return seen;
  for (uint32_t i = 0; i < index.entry_count(number); ++i) seen.names.emplace_back(index.entry(number, i).name);
  return seen;
}

std::map<std::string, std::string> ReadXattrs(const std::string& path) {
  std::map<std::string, std::string> xattrs;
  std::string names(65536, '\0'), value(65536, '\0');
  ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
  EXPECT_GE(size, 0) << path;
  for (const char* name = names.data(); name < names.data() + size; name += std::string_view(name).size() + 1) {
    ssize_t length = ::lgetxattr(path.c_str(), name, value.data(), value.size());
    EXPECT_GE(length, 0) << path << ' ' << name;
    xattrs[name] = value.substr(0, static_cast<size_t>(std::max<ssize_t>(0, length)));
  }
  return xattrs;
}

std::vector<std::string> ReadNames(const std::string& path) {
  std::vector<std::string> names;
  DIR* directory = ::opendir(path.c_str());
  EXPECT_NE(directory, nullptr) << path;
  while (dirent* entry = directory ? ::readdir(directory) : nullptr) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  if (directory) ::closedir(directory);
  return names;
}

Seen Look(const std::string& path, struct stat& st) {
  EXPECT_EQ(::lstat(path.c_str(), &st), 0) << path;
  Seen seen{.mode = st.st_mode,
            .uid = st.st_uid,
            .gid = st.st_gid,
            .nlink = static_cast<uint32_t>(st.st_nlink),
            .rdev = st.st_rdev,
            .size = S_ISDIR(st.st_mode) ? 0 : static_cast<uint64_t>(st.st_size),
            .mtime = st.st_mtim.tv_sec,
            .mtime_ns = st.st_mtim.tv_nsec,
            .xattrs = ReadXattrs(path)};
  if (S_ISLNK(st.st_mode)) {
    seen.target.resize(4096);
    seen.target.resize(static_cast<size_t>(::readlink(path.c_str(), seen.target.data(), 4096)));
  }
  if (S_ISDIR(st.st_mode)) seen.names = ReadNames(path);
  return seen;
}

// One image, mounted.
class MountedErofs {
 public:
  explicit MountedErofs(const std::string& bytes) {
    EXPECT_TRUE(os::MakeDirectories(Root()));
    EXPECT_TRUE(os::WriteFileAtomically(File(), bytes));
    auto mount = os::MountErofs(File(), Root());
    EXPECT_TRUE(mount) << os::ErrorText(mount);
    if (mount) mount_ = std::move(*mount);
  }
  std::string Root() const { return temp_ / "root"; }
  std::string File() const { return temp_ / "image"; }

  // The first path that differs from the index; "" if none does.
  std::string FirstDifference(const Index& index) {
    inodes_.clear();
    return Compare(index, kRootInode, "");
  }
  // What a program of erofs-utils prints, and whether it succeeded.
  static std::pair<bool, std::string> Run(std::vector<std::string> argv) {
    auto output = os::Run({.argv = std::move(argv)}, kLong);
    if (!output) return {false, output.error().message()};
    return {output->status.Success(), output->out};
  }

 private:
  std::string Compare(const Index& index, InodeNumber number, const std::string& path) {
    struct stat st{};
    if (Look(Root() + path, st) != Expected(index, number)) return path.empty() ? "/" : path;
    if (inodes_.emplace(number, st.st_ino).first->second != st.st_ino) return path + " (its inode number)";
    if (!S_ISDIR(st.st_mode)) return "";
    for (uint32_t i = 0; i < index.entry_count(number); ++i) {
      DirectoryEntry entry = index.entry(number, i);
      std::string difference = Compare(index, entry.inode, fmt::format("{}/{}", path, entry.name));
      if (!difference.empty()) return difference;
    }
    return "";
  }

  os::TempDirectory temp_;
  os::Mount mount_;
  std::map<InodeNumber, ino_t> inodes_;
};

class ErofsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BURROW_NEEDS_ROOT();
    Tree empty;
    std::string bytes = empty.Encode().value();
    os::TempDirectory temp;
    ASSERT_TRUE(os::WriteFileAtomically(temp / "image", WriteErofs(Index::Open(AsBytes(bytes)).value()).value()));
    ASSERT_TRUE(os::MakeDirectories(temp / "root"));
    auto mount = os::MountErofs(temp / "image", temp / "root");
    if (!mount && mount.error().os_errno() != EINVAL) GTEST_SKIP() << os::ErrorText(mount);
    ASSERT_TRUE(mount) << os::ErrorText(mount);
  }
  // Mounted, the tree is the one of the index; erofs-utils agrees.
  static void ExpectFaithful(const Tree& tree) {
    std::string bytes = tree.Encode().value();
    Index index = Index::Open(AsBytes(bytes)).value();
    auto image = WriteErofs(index);
    ASSERT_TRUE(image) << os::ErrorText(image);
    MountedErofs mounted(*image);
    EXPECT_EQ(mounted.FirstDifference(index), "");
    auto [good, said] = MountedErofs::Run({"fsck.erofs", mounted.File()});
    EXPECT_TRUE(good) << said;
  }
};

TEST_F(ErofsTest, HoldsEveryTypeOfInode) {
  Tree tree;
  TreeNode* directory = tree.MakeDirectories("/usr/lib").value();
  auto file = NewFile("some content");
  file->mode = S_IFREG | 06755;
  file->uid = 4'000'000'000;
  file->gid = 100;
  file->mtime = -1;
  file->mtime_ns = 999'999'999;
  Add(*directory, "hard", file);
  Add(tree.root(), "link to hard", file);
  Add(tree.root(), "empty", NewFile(""));
  Add(tree.root(), "fifo", NewInode(S_IFIFO | 0600));
  auto device = NewInode(S_IFCHR | 0666);
  device->rdev = 0x12345678;
  Add(tree.root(), "device", device);
  Add(tree.root(), "block", device = NewInode(S_IFBLK | 0660));
  device->rdev = 0x800;
  Add(tree.root(), "short", NewLink("x"));
  for (size_t length : {2047, 2048, 2049, 3000, 4095}) {
    Add(tree.root(), "link" + std::to_string(length), NewLink(std::string(length, 'l')));
  }
  auto large = NewFile("large");
  large->size = (uint64_t{7} << 40) + 5;
  large->frames = cas::Digest::Of("frame table");
  Add(tree.root(), "large", large);
  Add(tree.root(), std::string(255, '\xff'), NewFile("x"));
  Add(tree.root(), "!before the dots", NewFile("x"));
  Add(tree.root(), "...", NewFile("x"));
  ExpectFaithful(tree);
}

TEST_F(ErofsTest, HoldsDirectoriesOfEverySizeAroundABlock) {
  Tree tree;
  for (int count : {0, 1, 2, 60, 140, 150, 155, 160, 164, 165, 166, 170, 330, 1000}) {
    TreeNode* directory = tree.MakeDirectories(fmt::format("/{}", count)).value();
    for (int i = 0; i < count; ++i) Add(*directory, fmt::format("name {:06}", i), NewFile(""));
  }
  ExpectFaithful(tree);
}

TEST_F(ErofsTest, HoldsADirectoryOfAHundredThousandFiles) {
  Tree tree;
  for (int i = 0; i < 100'000; ++i) Add(tree.root(), fmt::format("file with a number {}", i), NewFile("same"));
  std::string bytes = tree.Encode().value();
  Index index = Index::Open(AsBytes(bytes)).value();
  MountedErofs mounted(WriteErofs(index).value());
  EXPECT_EQ(ReadNames(mounted.Root()), Expected(index, kRootInode).names);
  struct stat st{};
  EXPECT_EQ(Look(mounted.Root() + "/file with a number 77777", st),
            Expected(index, *index.Lookup(0, "file with a number 77777")));
  EXPECT_NE(::access((mounted.Root() + "/file with a number 100000").c_str(), F_OK), 0);
}

TEST_F(ErofsTest, HoldsExtendedAttributesSmallAndLarge) {
  Tree tree;
  for (size_t size : {0, 1, 100, 3000, 4040, 5000, 65535}) {
    for (const char* content : {"", "content"}) {
      auto file = NewFile(content);
      file->xattrs["user.note"] = std::string(size, 'n');
      file->xattrs["security.capability"] = std::string("\0\0\0\2", 4) + std::string(16, '\0');
      file->xattrs["trusted.a"] = "b";
      Add(tree.root(), fmt::format("{}{}", content, size), file);
    }
    auto link = NewLink("target");
    link->xattrs["trusted.note"] = std::string(size, 'n');
    Add(tree.root(), fmt::format("link{}", size), link);
    TreeNode* directory = tree.MakeDirectories(fmt::format("/directory{}/below", size)).value();
    directory->inode->xattrs["user.note"] = std::string(size, 'n');
  }
  tree.root().inode->xattrs["user.root"] = std::string(60'000, 'r');
  ExpectFaithful(tree);
}

TEST_F(ErofsTest, IsToldByDumpErofs) {
  Tree tree;
  Add(tree.root(), "file", NewFile("content"));
  std::string bytes = tree.Encode().value();
  MountedErofs mounted(WriteErofs(Index::Open(AsBytes(bytes)).value()).value());
  auto [good, said] = MountedErofs::Run({"dump.erofs", "--path=/file", mounted.File()});
  EXPECT_TRUE(good) << said;
  EXPECT_NE(said.find("Size: 7"), std::string::npos) << said;
}

TEST_F(ErofsTest, HasRoomForAnAttributeHeaderBehindTheLastInode) {
  Tree tree;
  // 64 bytes each, and a list of 832 behind the root's: they fill the block to its end.
  for (int i = 0; i < 50; ++i) Add(tree.root(), fmt::format("{:03}", i), NewInode(S_IFIFO | 0600));
  Add(tree.root(), std::string(35, 'x'), NewInode(S_IFIFO | 0600));
  tree.root().children.erase("000");
  const std::string bytes = tree.Encode().value();
  const std::string image = WriteErofs(Index::Open(AsBytes(bytes)).value()).value();
  EXPECT_EQ(image.size(), 3 * 4096u);
  MountedErofs mounted(image);
  auto [good, said] = MountedErofs::Run({"fsck.erofs", mounted.File()});
  EXPECT_TRUE(good) << said;
}

std::string ErofsName() {
  return *rc::gen::container<std::string>(*rc::gen::inRange(1, 256),
                                          rc::gen::elementOf(std::string("!-.ab\xc3\xff Z")));
}

std::shared_ptr<TreeInode> ErofsInode() {
  auto inode = *rc::gen::inRange(0, 3) == 0 ? NewLink(std::string(*rc::gen::inRange<size_t>(1, 4096), 't'))
                                            : NewFile(*rc::gen::arbitrary<std::string>());
  if (*rc::gen::inRange(0, 8) == 0) inode = NewInode(S_IFIFO);
  inode->mode = (inode->mode & S_IFMT) | *rc::gen::inRange<uint32_t>(0, 010000);
  inode->uid = *rc::gen::arbitrary<uint32_t>();
  inode->gid = *rc::gen::arbitrary<uint32_t>();
  inode->mtime = *rc::gen::arbitrary<int64_t>();
  inode->mtime_ns = *rc::gen::inRange<uint32_t>(0, 1'000'000'000);
  if (*rc::gen::inRange(0, 3) == 0) {
    inode->xattrs["trusted." + std::string(*rc::gen::inRange<size_t>(1, 200), 'x')] =
        std::string(*rc::gen::inRange<size_t>(0, 9'000), 'v');
  }
  return inode;
}

TEST_F(ErofsTest, HoldsEveryTreeAndAlwaysInTheSameBytes) {
  EXPECT_TRUE(rc::check("tree -> index -> EROFS -> kernel", [] {
    std::string bytes = RandomTree(80, ErofsName, ErofsInode).Encode().value();
    Index index = Index::Open(AsBytes(bytes)).value();
    std::string image = WriteErofs(index).value();
    RC_ASSERT(WriteErofs(index).value() == image);
    MountedErofs mounted(image);
    RC_ASSERT(mounted.FirstDifference(index) == "");
    auto [good, said] = MountedErofs::Run({"fsck.erofs", mounted.File()});
    if (!good) RC_LOG() << said;
    RC_ASSERT(good);
  }));
}

TEST_F(ErofsTest, GoesOutInPiecesOfBoundedSizeHoweverLargeItIs) {
  Tree tree;
  for (int i = 0; i < 100; ++i) {
    TreeNode* directory = tree.MakeDirectories(fmt::format("/d{}", i)).value();
    for (int j = 0; j < 100; ++j)
      Add(*directory, fmt::format("a file with a name {}", j), NewFile(fmt::format("{}", j)));
    Add(*directory, "link", NewLink(std::string(3000, 't')));
  }
  ExpectFaithful(tree);
  const std::string bytes = tree.Encode().value();
  const Index index = Index::Open(AsBytes(bytes)).value();
  const ErofsWriter writer = ErofsWriter::For(index).value();
  uint64_t largest = 0, sum = 0;
  ASSERT_TRUE(writer.Write([&](uint64_t offset, std::string_view piece) -> Status {
    EXPECT_LE(offset + piece.size(), writer.size());
    largest = std::max<uint64_t>(largest, piece.size());
    sum += piece.size();
    return {};
  }));
  EXPECT_GT(writer.size(), 2u << 20);
  EXPECT_LE(largest, 512u << 10);
  EXPECT_LE(sum, writer.size());
}

TEST(WriteErofs, EndsWithTheErrorOfItsSink) {
  Tree tree;
  const std::string bytes = tree.Encode().value();
  const Index index = Index::Open(AsBytes(bytes)).value();
  const ErofsWriter writer = ErofsWriter::For(index).value();
  const Status status = writer.Write([](uint64_t, std::string_view) { return FailErrno("write", ENOSPC); });
  ASSERT_FALSE(status);
  EXPECT_TRUE(status.error().disk_is_full());
}

TEST(WriteErofs, RefusesWhatEROFSCannotHold) {
  auto error_of = [](const std::shared_ptr<TreeInode>& inode) {
    Tree tree;
    Add(tree.root(), "it", inode);
    std::string bytes = tree.Encode().value();
    auto image = WriteErofs(Index::Open(AsBytes(bytes)).value());
    return image ? std::string() : image.error().message();
  };
  auto file = NewFile("content");
  file->xattrs["system.odd"] = "";
  EXPECT_EQ(error_of(file), "inode 1: EROFS has no attributes like system.odd");
  file = NewFile("content");
  file->xattrs["user.large"] = std::string(65536, 'x');
  EXPECT_NE(error_of(file).find("65535"), std::string::npos);
  file = NewFile("content");
  for (int i = 0; i < 5; ++i) file->xattrs[fmt::format("user.{}", i)] = std::string(60'000, 'x');
  EXPECT_NE(error_of(file).find("more than EROFS takes"), std::string::npos);
  file = NewFile("content");
  file->size = (uint64_t{8} << 40) + 1;
  file->frames = cas::Digest::Of("frame table");
  EXPECT_NE(error_of(file).find("too large"), std::string::npos);
}

TEST(ContentPath, IsWhereTheBlobStoreKeepsTheBlob) {
  cas::Digest digest = cas::Digest::Of("x");
  EXPECT_EQ(ContentPath(digest), "/" + digest.Hex().substr(0, 2) + "/" + digest.Hex().substr(2));
}

}  // namespace
}  // namespace burrow::image

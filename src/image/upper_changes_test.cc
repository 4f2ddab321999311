#include "image/upper_changes.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cas/disk_blob_store.h"
#include "cas/frames.h"
#include "image/import.h"
#include "image/testing/describe.h"
#include "os/overlay.h"
#include "os/testing/environment.h"

namespace burrow::image {
namespace {

namespace fs = std::filesystem;
using testing::Describe;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = UpperEntry::Kind;

void PutText(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// An overlay over a tree, what was told of its upper directory, and that tree with all of it applied.
class LiveOverlay {
 public:
  explicit LiveOverlay(const std::function<void(const std::string& lower)>& fill) {
    for (const char* name : {"lower", "upper", "work", "merged", "scratch"}) fs::create_directory(directory_ / name);
    fill(directory_ / "lower");
    applied_ = ImportDirectory(directory_ / "lower", *store_, nullptr).value();
    memory_ = RememberUnwritten(directory_ / "upper").value();
    mount_ = os::MountOverlay({.lower = {.directories = {directory_ / "lower"}},
                               .upper = directory_ / "upper",
                               .work = directory_ / "work"},
                              directory_ / "merged")
                 .value();
  }

  std::string merged() const { return directory_ / "merged"; }
  std::string upper() const { return directory_ / "upper"; }
  cas::BlobStore& store() { return *store_; }

  Result<std::vector<UpperEntry>> Commit() {
    BURROW_ASSIGN_OR_RETURN(auto changes, ReadUpperChanges({.upper = directory_ / "upper",
                                                            .lower = directory_ / "lower",
                                                            .scratch = directory_ / "scratch"},
                                                           memory_, *store_));
    BURROW_RETURN_IF_ERROR(ApplyLayer(applied_, changes.entries));
    memory_ = std::move(changes.memory);
    return std::move(changes.entries);
  }

  // "put d/f", "remove e", in order.
  std::vector<std::string> Told() {
    std::vector<std::string> told;
    auto entries = Commit();
    EXPECT_TRUE(entries) << entries.error().message();
    if (!entries) return told;
    for (const UpperEntry& entry : *entries) {
      const char* kind = entry.kind == Kind::kWhiteout          ? "remove "
                         : entry.kind == Kind::kOpaqueDirectory ? "opaque "
                         : entry.kind == Kind::kHardLink        ? "link "
                                                                : "put ";
      told.push_back(kind + entry.path);
    }
    return told;
  }

  // Of both trees; the root's times are never told.
  std::string Applied() { return DescribeWithoutRootTimes(applied_); }
  std::string Seen() {
    Tree seen = ImportDirectory(merged(), *store_, nullptr).value();
    return DescribeWithoutRootTimes(seen);
  }
  const Tree& applied() const { return applied_; }

 private:
  static std::string DescribeWithoutRootTimes(Tree& tree) {
    auto root = std::make_shared<TreeInode>(*tree.root().inode);
    root->mtime = root->mtime_ns = 0;
    tree.root().inode = root;
    return Describe(tree);
  }

  os::TempDirectory directory_;
  std::unique_ptr<cas::DiskBlobStore> store_ = cas::DiskBlobStore::Open(directory_ / "blobs").value();
  UpperMemory memory_;
  Tree applied_;
  os::Mount mount_;
};

// A lower tree with a bit of everything.
void Fill(const std::string& lower) {
  fs::create_directories(lower + "/d/deep");
  PutText(lower + "/d/f", "lower");
  PutText(lower + "/d/deep/g", "lower, too");
  PutText(lower + "/f", "file");
  fs::create_hard_link(lower + "/f", lower + "/f2");
  fs::create_symlink("d/f", lower + "/link");
}

class UpperChangesTest : public ::testing::Test {
 protected:
  void SetUp() override { BURROW_NEEDS_ROOT(); }
};

TEST_F(UpperChangesTest, AreNothingWhereNothingWasWritten) {
  LiveOverlay overlay(Fill);
  EXPECT_THAT(overlay.Told(), IsEmpty());
}

TEST_F(UpperChangesTest, AreToldOnce) {
  LiveOverlay overlay(Fill);
  PutText(overlay.merged() + "/d/new", "new");
  fs::remove(overlay.merged() + "/f");
  EXPECT_THAT(overlay.Told(), ElementsAre("put d", "put d/new", "remove f"));
  EXPECT_THAT(overlay.Told(), IsEmpty());
  PutText(overlay.merged() + "/d/new", "newer");
  EXPECT_THAT(overlay.Told(), ElementsAre("put d/new"));
  EXPECT_EQ(overlay.Applied(), overlay.Seen());
}

TEST_F(UpperChangesTest, NameWhatWentThoughTheLowerTreeNeverHadIt) {
  LiveOverlay overlay(Fill);
  fs::create_directories(overlay.merged() + "/made/deep");
  PutText(overlay.merged() + "/made/deep/f", "1");
  PutText(overlay.merged() + "/alone", "2");
  overlay.Told();
  fs::remove(overlay.merged() + "/alone");
  fs::remove_all(overlay.merged() + "/made");
  EXPECT_THAT(overlay.Told(), ElementsAre("remove alone", "remove made"));
  EXPECT_EQ(overlay.Applied(), overlay.Seen());
}

TEST_F(UpperChangesTest, HideADirectoryOnlyWhereThereWasOne) {
  LiveOverlay overlay(Fill);
  fs::create_directory(overlay.merged() + "/new");
  fs::remove_all(overlay.merged() + "/d");
  fs::create_directory(overlay.merged() + "/d");
  PutText(overlay.merged() + "/d/only", "1");
  EXPECT_THAT(overlay.Told(), ElementsAre("opaque d", "put d/only", "put new"));
  PutText(overlay.merged() + "/d/more", "2");
  EXPECT_THAT(overlay.Told(), ElementsAre("put d", "put d/more"));
  EXPECT_EQ(overlay.Applied(), overlay.Seen());
}

TEST_F(UpperChangesTest, KeepHardLinksAsOneInode) {
  LiveOverlay overlay(Fill);
  PutText(overlay.merged() + "/a", "shared");
  overlay.Told();
  fs::create_hard_link(overlay.merged() + "/a", overlay.merged() + "/d/b");
  EXPECT_THAT(overlay.Told(), ElementsAre("put a", "put d", "link d/b"));
  PutText(overlay.merged() + "/d/b", "through the other name");
  EXPECT_THAT(overlay.Told(), ElementsAre("put a", "link d/b"));
  EXPECT_EQ(overlay.Applied(), overlay.Seen());
}

TEST_F(UpperChangesTest, KeepModesTimesLinksAndAttributes) {
  LiveOverlay overlay(Fill);
  const std::string file = overlay.merged() + "/tool";
  PutText(file, "x");
  ASSERT_EQ(::chmod(file.c_str(), 04755), 0);
  ASSERT_EQ(::lchown(file.c_str(), 7, 8), 0);
  ASSERT_EQ(::setxattr(file.c_str(), "user.note", "1", 1, 0), 0);
  fs::create_symlink("/outside", overlay.merged() + "/away");
  ASSERT_EQ(::mkfifo((overlay.merged() + "/fifo").c_str(), 0600), 0);
  overlay.Told();
  EXPECT_EQ(overlay.Applied(), overlay.Seen());
  EXPECT_THAT(overlay.Applied(), HasSubstr("user.note"));
  ASSERT_EQ(::setxattr(file.c_str(), "user.note", "2", 1, 0), 0);
  EXPECT_THAT(overlay.Told(), ElementsAre("put tool"));
  EXPECT_EQ(overlay.Applied(), overlay.Seen());
}

TEST_F(UpperChangesTest, TellOfTheRootsModeButNotOfItsTimes) {
  LiveOverlay overlay(Fill);
  ASSERT_EQ(::chmod(overlay.merged().c_str(), 01777), 0);
  EXPECT_THAT(overlay.Told(), ElementsAre("put "));
  EXPECT_EQ(overlay.Applied(), overlay.Seen());
}

TEST_F(UpperChangesTest, LeaveSocketsOut) {
  LiveOverlay overlay(Fill);
  ASSERT_EQ(::mknod((overlay.merged() + "/socket").c_str(), S_IFSOCK | 0600, 0), 0);
  EXPECT_THAT(overlay.Told(), IsEmpty());
}

TEST_F(UpperChangesTest, NoticeAChangeInTheSameTickOfTheClock) {
  LiveOverlay overlay(Fill);
  const std::string file = overlay.merged() + "/f";
  for (int round = 0; round < 50; ++round) {
    PutText(file, fmt::format("{:04}", 2 * round));
    overlay.Told();
    PutText(file, fmt::format("{:04}", 2 * round + 1));
    overlay.Told();
    ASSERT_EQ(overlay.Applied(), overlay.Seen()) << "in round " << round;
  }
}

TEST_F(UpperChangesTest, RefuseTreesThatAreTooDeep) {
  LiveOverlay overlay(Fill);
  UniqueFd at(::open(overlay.merged().c_str(), O_PATH));
  for (uint32_t i = 0; i < kMaxDepth + 2; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "d1", 0755), 0);
    at.Reset(::openat(at.get(), "d1", O_PATH));
  }
  auto told = overlay.Commit();
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().message(), HasSubstr("nested more than"));
}

// Every blob that the tree names is there and is what it says.
void ExpectContent(const TreeNode& node, cas::BlobStore& store) {
  const TreeInode& inode = *node.inode;
  if (S_ISREG(inode.mode) && inode.size > 0) {
    auto content = cas::GetAll(store, inode.digest, 64u << 20);
    ASSERT_TRUE(content) << content.error().message();
    EXPECT_EQ(content->size(), inode.size);
  }
  for (const auto& [name, child] : node.children) ExpectContent(*child, store);
}

TEST_F(UpperChangesTest, AreConsistentOfFilesThatGrowWhileTheyAreRead) {
  LiveOverlay overlay(Fill);
  const std::string file = overlay.merged() + "/growing";
  PutText(file, std::string(cas::kFramedFrom - 10, 'x'));
  std::atomic<bool> stop = false;
  std::jthread writer([&] {
    std::ofstream log(file, std::ios::app);
    while (!stop && fs::file_size(file) < 3 * cas::kFramedFrom) log << "one more line\n" << std::flush;
  });
  for (int round = 0; round < 5; ++round) {
    overlay.Told();
    ExpectContent(overlay.applied().root(), overlay.store());
  }
  stop = true;
  writer.join();
  overlay.Told();
  EXPECT_EQ(overlay.Applied(), overlay.Seen());
}

TEST_F(UpperChangesTest, DoNotLeaveTheUpperDirectoryWhileDirectoriesBecomeLinks) {
  LiveOverlay overlay(Fill);
  const std::string at = overlay.merged() + "/swap", aside = overlay.merged() + "/aside";
  os::TempDirectory outside;
  PutText(outside / "f", "must not be read");
  fs::create_directory(at);
  PutText(at + "/f", "inside");
  fs::create_symlink(outside / "", aside);
  std::atomic<bool> stop = false;
  std::jthread swapper([&] {
    while (!stop) ::renameat2(AT_FDCWD, at.c_str(), AT_FDCWD, aside.c_str(), RENAME_EXCHANGE);
  });
  for (int round = 0; round < 200; ++round) {
    // With both names' contents changing places, what is told may contradict what was applied.
    (void)overlay.Commit();
    EXPECT_FALSE(overlay.store().Has(cas::Digest::Of("must not be read")).value());
  }
  stop = true;
}

// One operation of a program on the mounted volume.
void DoSomething(const std::string& root) {
  static const std::vector<std::string> kNames = {"a",        "b", "d",  "d/f", "d/a", "d/deep",
                                                  "d/deep/g", "f", "f2", "n",   "n/x"};
  const auto name = [&] { return root + "/" + *rc::gen::elementOf(kNames); };
  const std::string path = name(), other = name();
  std::error_code error;
  switch (*rc::gen::inRange(0, 10)) {
    case 0:
    case 1:
      if (!fs::is_directory(path, error)) PutText(path, *rc::gen::arbitrary<std::string>());
      break;
    case 2:
      fs::create_directory(path, error);
      break;
    case 3:
      fs::remove_all(path, error);
      break;
    case 4:
      fs::rename(path, other, error);
      break;
    case 5:
      if (!fs::is_directory(path, error)) fs::create_hard_link(path, other, error);
      break;
    case 6:
      fs::create_symlink("somewhere", path, error);
      break;
    case 7:
      (void)::chmod(path.c_str(), *rc::gen::element(0700u, 0755u, 0644u));
      break;
    case 8:
      (void)::lsetxattr(path.c_str(), "user.x", "1", 1, 0);
      break;
    case 9:
      (void)::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
      break;
  }
}

TEST_F(UpperChangesTest, LeadToWhatTheOverlayShows) {
  EXPECT_TRUE(rc::check("upper directory -> changes -> tree", [] {
    LiveOverlay overlay(Fill);
    const int operations = *rc::gen::inRange(1, 40);
    for (int i = 0; i < operations; ++i) {
      DoSomething(overlay.merged());
      if (*rc::gen::inRange(0, 4) != 0) continue;
      RC_ASSERT(overlay.Commit().has_value());
      RC_ASSERT(overlay.Applied() == overlay.Seen());
    }
    RC_ASSERT(overlay.Commit().has_value());
    RC_ASSERT(overlay.Applied() == overlay.Seen());
  }));
}

}  // namespace
}  // namespace burrow::image

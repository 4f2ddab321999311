// What a container sees of an image in tier erofs, through the kernel and a real imagefs process.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cas/blob_path.h"
#include "cas/cache_layout.h"
#include "cas/frames.h"
#include "cas/http_blob_store.h"
#include "image/tree.h"
#include "imagefs/erofs_probe.h"
#include "imagefs/testing/files.h"
#include "imagefs/testing/mounted_images.h"
#include "os/fs.h"
#include "os/mount.h"
#include "os/mountinfo.h"

namespace burrow::imagefs {
namespace {

namespace fs = std::filesystem;
using cas::testing::BlobFault;
using testing::Lstat;
using testing::MountedImages;
using testing::WriteContent;

constexpr char kToken[] = "0123456789abcdef";

class ErofsTierTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "needs root and /dev/fuse";
    Status status = images_.Start();
    if (!status && status.error().code() == Code::kFailedPrecondition) GTEST_SKIP() << status.error().message();
    ASSERT_TRUE(status) << status.error().message();
    ASSERT_EQ(images_.supervisor().tier(), Tier::kErofs);
  }
  // The root of an overlay over the image of `source_`.
  std::string MountSource(const AcquireOptions& options = {}) { return Mount(images_.Import(source_), options); }
  std::string Mount(const cas::Digest& image, const AcquireOptions& options = {}) {
    auto overlay = images_.MountOverlay(image, options);
    EXPECT_TRUE(overlay) << overlay.error().message();
    if (!overlay) return "/nonexistent";
    upper_ = (*overlay)->upper;
    return (*overlay)->mount.target();
  }
  std::string Linked(std::string_view content) const {
    return cas::CacheLayout(images_.directory() / "cache").Linked() + "/" + cas::BlobPath(cas::Digest::Of(content));
  }

  MountedImages images_{"/proc/self/exe", TierChoice::kErofs};
  cas::testing::BlobServer& server_ = images_.server();
  std::string source_ = images_.NewSource("source");
  std::string upper_;  // of the last overlay
};

TEST_F(ErofsTierTest, ShowsTheTreeAndFetchesAFileWhenItIsOpened) {
  fs::create_directories(source_ + "/a/b");
  WriteContent(source_ + "/a/file", "hello");
  WriteContent(source_ + "/empty", "");
  fs::create_hard_link(source_ + "/a/file", source_ + "/hard");
  fs::create_symlink("a/file", source_ + "/link");
  ASSERT_EQ(::chown((source_ + "/a/file").c_str(), 12, 34), 0);
  ASSERT_EQ(::chmod((source_ + "/a/file").c_str(), 04751), 0);
  ASSERT_EQ(::chmod(source_.c_str(), 0711), 0);
  std::string root = MountSource();
  int before = server_.gets();
  EXPECT_EQ(Lstat(root).st_mode, S_IFDIR | 0711U);
  struct stat st = Lstat(root + "/a/file");
  EXPECT_EQ(st.st_mode, S_IFREG | 04751U);
  EXPECT_EQ(st.st_uid, 12U);
  EXPECT_EQ(st.st_size, 5);
  EXPECT_EQ(st.st_nlink, 2U);
  EXPECT_EQ(st.st_ino, Lstat(root + "/hard").st_ino);
  EXPECT_EQ(os::ReadFile(root + "/empty").value(), "");
  EXPECT_EQ(server_.gets(), before) << "a look fetches nothing";
  EXPECT_EQ(os::ReadFile(root + "/link").value(), "hello");
  EXPECT_EQ(os::ReadFile(root + "/hard").value(), "hello");
  EXPECT_EQ(server_.gets(), before + 1);
  EXPECT_TRUE(fs::exists(Linked("hello")));
}

TEST_F(ErofsTierTest, NeedsNobodyForWhatIsLinked) {
  WriteContent(source_ + "/file", "content");
  EXPECT_EQ(os::ReadFile(MountSource() + "/file").value(), "content");
  std::string again = MountSource();
  server_.Stop();
  EXPECT_EQ(os::ReadFile(again + "/file").value(), "content");
}

TEST_F(ErofsTierTest, KeepsTheUpperDirectoryReadableByItself) {
  WriteContent(source_ + "/chmodded", "unread");
  WriteContent(source_ + "/chowned", "unread, too");
  WriteContent(source_ + "/removed", "gone");
  fs::create_directories(source_ + "/directory/below");
  std::string root = MountSource({.upper_is_read = true});
  ASSERT_EQ(::chmod((root + "/chmodded").c_str(), 0600), 0);
  ASSERT_EQ(::chown((root + "/chowned").c_str(), 1, 2), 0);
  EXPECT_EQ(::rename((root + "/directory").c_str(), (root + "/moved").c_str()), -1);
  EXPECT_EQ(errno, EXDEV);
  fs::remove(root + "/removed");
  EXPECT_EQ(os::ReadFile(upper_ + "/chmodded").value(), "unread");
  EXPECT_EQ(os::ReadFile(upper_ + "/chowned").value(), "unread, too");
  EXPECT_TRUE(S_ISCHR(Lstat(upper_ + "/removed").st_mode));
}

TEST_F(ErofsTierTest, LetsDirectoriesBeRenamedWhereTheUpperIsNotReadByItself) {
  fs::create_directories(source_ + "/directory/below");
  WriteContent(source_ + "/directory/below/file", "content");
  std::string root = MountSource();
  ASSERT_EQ(::rename((root + "/directory").c_str(), (root + "/moved").c_str()), 0);
  EXPECT_EQ(os::ReadFile(root + "/moved/below/file").value(), "content");
  EXPECT_FALSE(fs::exists(root + "/directory"));
}

TEST_F(ErofsTierTest, AnswersEioUntilTheServerHasTheBlob) {
  WriteContent(source_ + "/file", "content");
  std::string root = MountSource();
  cas::Digest digest = cas::Digest::Of("content");
  server_.Remove(digest);
  EXPECT_EQ(images_.counters().failed_reads, 0U) << "the self-test's failure is nobody's";
  EXPECT_EQ(os::ReadFile(root + "/file").error().os_errno(), EIO);
  EXPECT_EQ(images_.counters().failed_reads, 1U);
  server_.Add("content");
  server_.Fail(BlobFault::kCorrupt);
  EXPECT_EQ(os::ReadFile(root + "/file").error().os_errno(), EIO);
  EXPECT_EQ(images_.counters().failed_fetches, 2U);
  EXPECT_GE(images_.counters().damaged_bytes, 3 * 7U);
  server_.Fail(BlobFault::kNone);
  server_.Stop();
  EXPECT_EQ(os::ReadFile(root + "/file").error().os_errno(), EIO);
  server_.Start();
  EXPECT_EQ(os::ReadFile(root + "/file").value(), "content");
}

TEST_F(ErofsTierTest, FetchesAgainABlobThatLeftTheCache) {
  WriteContent(source_ + "/file", "content");
  EXPECT_EQ(os::ReadFile(MountSource() + "/file").value(), "content");
  images_.DropFromCache(cas::Digest::Of("content"));
  EXPECT_EQ(os::ReadFile(MountSource() + "/file").value(), "content");
}

TEST_F(ErofsTierTest, LosesNoReaderWhenItsProcessIsKilled) {
  WriteContent(source_ + "/file", std::string(500'000, 'f'));
  WriteContent(source_ + "/here", "here");
  WriteContent(source_ + "/later", "later");
  std::string root = MountSource();
  EXPECT_EQ(os::ReadFile(root + "/here").value(), "here");
  server_.Hold();
  Result<std::string> content = Fail(Code::kUnknown, "not read");
  std::jthread reader([&] { content = os::ReadFile(root + "/file"); });
  ASSERT_TRUE(server_.WaitForHeld(1));
  ASSERT_EQ(::kill(images_.supervisor().pid(), SIGKILL), 0);
  EXPECT_EQ(os::ReadFile(root + "/here").value(), "here");
  server_.Release();
  reader.join();
  ASSERT_TRUE(content) << content.error().message();
  EXPECT_EQ(content->size(), 500'000U);
  EXPECT_EQ(os::ReadFile(root + "/later").value(), "later");
  EXPECT_EQ(images_.supervisor().restarts(), 1U);
}

TEST_F(ErofsTierTest, StreamsALargeFileThatIsNotHereYet) {
  std::string content(8 * cas::kFrameSize + 77, '\0');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * i >> 7);
  WriteContent(source_ + "/large", content);
  std::string root = MountSource();
  UniqueFd file(::open((root + "/large").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file.valid());
  EXPECT_FALSE(fs::exists(Linked(content))) << "it was fetched before it was read";
  std::string piece(1000, '\0');
  ASSERT_EQ(::pread(file.get(), piece.data(), piece.size(), 5'000'000), 1000);
  EXPECT_EQ(piece, content.substr(5'000'000, 1000));
  ASSERT_EQ(::kill(images_.supervisor().pid(), SIGKILL), 0);
  EXPECT_TRUE(os::ReadFile(root + "/large").value() == content) << "a new process does not know the file";
}

TEST_F(ErofsTierTest, BringsFramesAheadOfTheirReaders) {
  std::string content(20 * cas::kFrameSize, '\0');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * i >> 7);
  WriteContent(source_ + "/large", content);
  const cas::Digest image = images_.Import(source_), digest = cas::Digest::Of(content);
  const cas::HotBlob hot{.digest = digest, .size = content.size(), .frames = {3, 11}};
  ASSERT_TRUE(images_.supervisor().ReadFrames(image, hot, [] { return false; }));
  const uint64_t misses = images_.counters().misses;
  const std::string root = MountSource();
  UniqueFd file(::open((root + "/large").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file.valid());
  std::string piece(1000, '\0');
  for (size_t frame : {3, 11}) {
    ASSERT_EQ(::pread(file.get(), piece.data(), piece.size(), static_cast<off_t>(frame * cas::kFrameSize)), 1000);
    EXPECT_EQ(piece, content.substr(frame * cas::kFrameSize, 1000));
  }
  EXPECT_EQ(images_.counters().misses, misses);
  EXPECT_EQ(images_.supervisor().ReadFrames(image, hot, [] { return true; }).error().code(), Code::kCancelled);
}

TEST_F(ErofsTierTest, TellsARecordingWhichFramesWereRead) {
  const std::string content(8 * cas::kFrameSize, 'l');
  WriteContent(source_ + "/large", content);
  ASSERT_TRUE(images_.accesses().Begin(kToken));
  const std::string root = MountSource({.record_token = kToken});
  UniqueFd file(::open((root + "/large").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file.valid());
  char byte = 0;
  ASSERT_EQ(::pread(file.get(), &byte, 1, 5 * cas::kFrameSize + 10), 1);
  const auto accesses = images_.accesses().Finish(kToken);
  ASSERT_GE(accesses.size(), 2u);
  EXPECT_EQ(accesses[0], (Access{cas::Digest::Of(content)}));
  EXPECT_EQ(accesses[1], (Access{cas::Digest::Of(content), 5}));
}

TEST_F(ErofsTierTest, TellsARecordingOfEveryFirstOpenButNobodyElses) {
  for (const char* name : {"first", "second", "other"}) WriteContent(source_ + "/" + name, name);
  std::string plain = MountSource();
  for (const char* name : {"first", "second", "other"}) EXPECT_TRUE(os::ReadFile(plain + "/" + name));
  ASSERT_TRUE(images_.accesses().Begin(kToken));
  std::string recorded = MountSource({.record_token = kToken});
  EXPECT_EQ(os::ReadFile(recorded + "/second").value(), "second");
  EXPECT_EQ(os::ReadFile(MountSource() + "/other").value(), "other");
  EXPECT_EQ(os::ReadFile(recorded + "/first").value(), "first");
  EXPECT_EQ(images_.accesses().Finish(kToken),
            (std::vector<Access>{{cas::Digest::Of("second")}, {cas::Digest::Of("first")}}));
}

TEST_F(ErofsTierTest, UnmountsImagesThatWereNotUsedForLong) {
  std::vector<cas::Digest> all;
  for (int i = 0; i < 20; ++i) {
    WriteContent(source_ + "/file", std::to_string(i));
    all.push_back(images_.Import(source_));
  }
  auto held = images_.supervisor().Acquire(all[0]);
  ASSERT_TRUE(held);
  for (const cas::Digest& image : all) EXPECT_TRUE(images_.supervisor().Acquire(image));
  const auto mounts = os::ReadMountinfo();
  auto count = std::ranges::count_if(*mounts, [&](const os::MountEntry& mount) {
    return mount.type == "erofs" && mount.point.starts_with(images_.directory() / "imagefs");
  });
  EXPECT_EQ(count, 17) << "the one in use, and 16 others";
  EXPECT_TRUE(fs::exists(held->lower().directories.front() + "/file"));
  EXPECT_EQ(os::ReadFile(Mount(all[1]) + "/file").value(), "1");
}

TEST_F(ErofsTierTest, MountsOverFuseWhatErofsCannotHold) {
  image::Tree tree;
  auto& node = tree.root().children["file"];
  node = std::make_unique<image::TreeNode>();
  node->inode = std::make_shared<image::TreeInode>();
  node->inode->mode = S_IFREG | 0644;
  node->inode->size = 7;
  node->inode->digest = server_.Add("content");
  node->inode->xattrs["system.odd"] = "";
  EXPECT_EQ(os::ReadFile(Mount(server_.Add(tree.Encode().value())) + "/file").value(), "content");
}

TEST_F(ErofsTierTest, MountsOverFuseWhereTheDiskHasNoRoomForTheMetadata) {
  const std::string name = "/" + std::string(200, 'n');
  for (int i = 0; i < 500; ++i) WriteContent(source_ + name + std::to_string(i), "content");
  auto full = os::MountTmpfs(images_.directory() / "imagefs/erofs/images", 64u << 10);
  ASSERT_TRUE(full) << full.error().message();
  EXPECT_EQ(os::ReadFile(MountSource() + name + "7").value(), "content");
}

// What Linux 6.12 to 6.15 get.
TEST_F(ErofsTierTest, WorksWithMetacopy) {
  auto remote = cas::NewHttpBlobStore({.url = server_.url(), .token = server_.token()});
  auto cache = cas::BlobCache::Open(images_.directory() / "cache", remote.get());
  ASSERT_TRUE(cache) << cache.error().message();
  Status tested = TestErofsTier({.directory = images_.directory() / "test",
                                 .cache = cache->get(),
                                 .layers = {.hook = images_.directory() / "imagefs/hook",
                                            .cache = images_.directory() / "cache",
                                            .needs_metacopy = true}});
  EXPECT_TRUE(tested) << tested.error().message();
  EXPECT_FALSE(fs::exists(images_.directory() / "test"));
}

TEST_F(ErofsTierTest, SaysWhatDoesNotWork) {
  auto remote = cas::NewHttpBlobStore({.url = server_.url(), .token = server_.token()});
  auto cache = cas::BlobCache::Open(images_.directory() / "cache", remote.get());
  ASSERT_TRUE(cache) << cache.error().message();
  const std::string plain = images_.NewSource("no hook");
  for (const char* name : {"/h", "/err"}) fs::create_directories(plain + name);
  Status tested = TestErofsTier({.directory = images_.directory() / "test",
                                 .cache = cache->get(),
                                 .layers = {.hook = plain, .cache = images_.directory() / "cache"}});
  ASSERT_FALSE(tested);
  EXPECT_NE(tested.error().message().find("cannot tell of a failed fetch"), std::string::npos)
      << tested.error().message();
}

TEST_F(ErofsTierTest, LeavesNoMountAndLetsLeasesOutliveIt) {
  WriteContent(source_ + "/file", "content");
  auto lease = images_.supervisor().Acquire(images_.Import(source_));
  ASSERT_TRUE(lease);
  images_.Stop();
  for (const os::MountEntry& mount : *os::ReadMountinfo()) {
    EXPECT_FALSE(mount.point.starts_with(images_.directory() / "imagefs")) << mount.point;
  }
  lease = Fail(Code::kUnknown, "let go");
}

}  // namespace
}  // namespace burrow::imagefs

// What a reader of a mounted image sees, through the kernel and a real imagefs process.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "imagefs/testing/files.h"
#include "imagefs/testing/mounted_images.h"
#include "os/fs.h"
#include "os/overlay.h"
#include "os/process.h"

namespace burrow::imagefs {
namespace {

namespace fs = std::filesystem;
using cas::testing::BlobFault;
using testing::Lstat;
using testing::WriteContent;

class ImagefsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "needs root and /dev/fuse";
    Status status = images_.Start();
    ASSERT_TRUE(status) << status.error().message();
  }
  std::string Mounted(const cas::Digest& image) {
    auto lease = images_.supervisor().Acquire(image);
    EXPECT_TRUE(lease) << lease.error().message();
    return lease ? lease->lower().directories.front() : "/nonexistent";
  }
  std::string MountSource() { return Mounted(images_.Import(source_)); }

  testing::MountedImages images_{"/proc/self/exe"};
  cas::testing::BlobServer& server_ = images_.server();
  std::string source_ = images_.NewSource("source");
};

// Compares all that lstat, readlink, xattrs and content say.
void ExpectSame(const fs::path& expected, const fs::path& actual) {
  struct stat a = Lstat(expected), b = Lstat(actual);
  EXPECT_EQ(a.st_mode, b.st_mode) << expected;
  EXPECT_EQ(a.st_uid, b.st_uid) << expected;
  EXPECT_EQ(a.st_gid, b.st_gid) << expected;
  EXPECT_EQ(a.st_nlink, b.st_nlink) << expected;
  EXPECT_EQ(a.st_rdev, b.st_rdev) << expected;
  EXPECT_EQ(a.st_mtim.tv_sec, b.st_mtim.tv_sec) << expected;
  EXPECT_EQ(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec) << expected;
  if (S_ISREG(a.st_mode)) {
    EXPECT_EQ(a.st_size, b.st_size) << expected;
    EXPECT_EQ(os::ReadFile(expected.string()).value(), os::ReadFile(actual.string()).value()) << expected;
  }
  if (S_ISLNK(a.st_mode)) EXPECT_EQ(fs::read_symlink(expected), fs::read_symlink(actual));
  if (!S_ISDIR(a.st_mode)) return;
  std::set<std::string> names, mounted;
  for (const auto& entry : fs::directory_iterator(expected)) names.insert(entry.path().filename().string());
  for (const auto& entry : fs::directory_iterator(actual)) mounted.insert(entry.path().filename().string());
  EXPECT_EQ(names, mounted) << expected;
  for (const std::string& name : names) ExpectSame(expected / name, actual / name);
}

TEST_F(ImagefsTest, ShowsTheWholeTreeAsItWas) {
  fs::create_directories(source_ + "/a/b/c");
  WriteContent(source_ + "/a/file", "hello");
  WriteContent(source_ + "/a/b/empty", "");
  WriteContent(source_ + "/a/b/large", std::string(3'000'001, 'L'));
  WriteContent(source_ + "/setuid", "#!");
  ASSERT_EQ(::chmod((source_ + "/setuid").c_str(), 04755), 0);
  ASSERT_EQ(::chown((source_ + "/a/file").c_str(), 1234, 5678), 0);
  timespec times[2] = {{1, 0}, {1'600'000'000, 987'654'321}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (source_ + "/a/file").c_str(), times, 0), 0);
  fs::create_symlink("../../etc/passwd", source_ + "/a/link");
  fs::create_hard_link(source_ + "/a/file", source_ + "/hard");
  ASSERT_EQ(::mkfifo((source_ + "/fifo").c_str(), 0600), 0);
  ASSERT_EQ(::mknod((source_ + "/null").c_str(), S_IFCHR | 0666, 0x103), 0);
  WriteContent(source_ + "/" + std::string(255, 'n'), "long name");
  WriteContent(source_ + "/\xff\xc3(\x01 name", "no UTF-8");
  std::string mounted = MountSource();
  ExpectSame(source_, mounted);
  EXPECT_EQ(Lstat(mounted + "/hard").st_ino, Lstat(mounted + "/a/file").st_ino);
  EXPECT_EQ(Lstat(mounted + "/a/b/..").st_ino, Lstat(mounted + "/a").st_ino);
  EXPECT_EQ(::access((mounted + "/absent").c_str(), F_OK), -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(::open((mounted + "/a/file").c_str(), O_WRONLY | O_CLOEXEC), -1);
  EXPECT_EQ(errno, EROFS);
}

TEST_F(ImagefsTest, ListsADirectoryOfTenThousandFilesExactlyOnce) {
  for (int i = 0; i < 10'000; ++i)
    UniqueFd(::open((source_ + "/file" + std::to_string(i)).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
  std::string mounted = MountSource();
  std::set<std::string> names;
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(mounted)) {
    names.insert(entry.path().filename().string());
    ++count;
  }
  EXPECT_EQ(names.size(), 10'000u);
  EXPECT_EQ(count, 10'000u);
}

TEST_F(ImagefsTest, ServesExtendedAttributesOfAnImageThatHasThem) {
  WriteContent(source_ + "/plain", "x");
  WriteContent(source_ + "/marked", "y");
  std::string value("\1\0\xff", 3);
  if (::setxattr((source_ + "/marked").c_str(), "user.note", value.data(), value.size(), 0) != 0)
    GTEST_SKIP() << "no user xattrs here";
  std::string mounted = MountSource();
  EXPECT_NE(mounted.find("/xattr/"), std::string::npos);
  char buffer[64];
  ASSERT_EQ(::getxattr((mounted + "/marked").c_str(), "user.note", buffer, sizeof buffer), 3);
  EXPECT_EQ(std::string(buffer, 3), value);
  ssize_t listed = ::listxattr((mounted + "/marked").c_str(), buffer, sizeof buffer);
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(std::max<ssize_t>(0, listed))), std::string("user.note\0", 10));
  EXPECT_EQ(::getxattr((mounted + "/marked").c_str(), "user.note", buffer, 1), -1);
  EXPECT_EQ(errno, ERANGE);
  EXPECT_EQ(::getxattr((mounted + "/plain").c_str(), "user.note", buffer, sizeof buffer), -1);
  EXPECT_EQ(errno, ENODATA);
  ExpectSame(source_, mounted);
}

TEST_F(ImagefsTest, IsALowerDirectoryThatAnOverlayMakesWritable) {
  WriteContent(source_ + "/keep", "keep");
  WriteContent(source_ + "/change", "before");
  WriteContent(source_ + "/remove", "gone");
  std::string mounted = MountSource();
  for (const char* name : {"upper", "work", "merged"}) images_.NewSource(name);
  std::string merged = images_.directory() / "merged";
  auto overlay = os::MountOverlay({.lower = {.directories = {mounted}},
                                   .upper = images_.directory() / "upper",
                                   .work = images_.directory() / "work"},
                                  merged);
  ASSERT_TRUE(overlay) << overlay.error().message();
  WriteContent(merged + "/change", "after");
  fs::remove(merged + "/remove");
  WriteContent(merged + "/new", "new");
  EXPECT_EQ(os::ReadFile(merged + "/keep").value(), "keep");
  EXPECT_EQ(os::ReadFile(merged + "/change").value(), "after");
  EXPECT_FALSE(fs::exists(merged + "/remove"));
  EXPECT_EQ(os::ReadFile(mounted + "/change").value(), "before");
  EXPECT_TRUE(fs::exists(mounted + "/remove"));
  EXPECT_EQ(os::ReadFile(images_.directory() / "upper/new").value(), "new");
}

TEST_F(ImagefsTest, RunsAndMapsExecutables) {
  fs::copy_file("/bin/true", source_ + "/true");
  std::string mounted = MountSource();
  os::SpawnOptions spawn{.argv = {mounted + "/true"}};
  auto output = os::Run(spawn, std::chrono::seconds(30));
  ASSERT_TRUE(output) << output.error().message();
  EXPECT_TRUE(output->status.Success());
  std::string content = os::ReadFile("/bin/true").value();
  UniqueFd fd(::open((mounted + "/true").c_str(), O_RDONLY | O_CLOEXEC));
  void* mapped = ::mmap(nullptr, content.size(), PROT_READ, MAP_PRIVATE, fd.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  EXPECT_EQ(std::memcmp(mapped, content.data(), content.size()), 0);
  ::munmap(mapped, content.size());
}

TEST_F(ImagefsTest, SharesPagesOfEqualFilesAcrossImagesButKeepsFilesOfOneImageApart) {
  std::string other = images_.NewSource("other");
  timespec times[2] = {{1, 0}, {1, 0}};
  for (const std::string& path : {source_ + "/lib", source_ + "/twin", other + "/moved"}) {
    WriteContent(path, "the same");
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  WriteContent(other + "/lib", "different");
  std::string first = MountSource(), second = Mounted(images_.Import(other));
  EXPECT_EQ(Lstat(first + "/lib").st_ino, Lstat(second + "/moved").st_ino);
  EXPECT_NE(Lstat(first + "/lib").st_ino, Lstat(first + "/twin").st_ino);
  EXPECT_NE(Lstat(first + "/lib").st_ino, Lstat(second + "/lib").st_ino);
  EXPECT_EQ(os::ReadFile(second + "/moved").value(), "the same");
}

TEST_F(ImagefsTest, CountsTheImageInStatfs) {
  WriteContent(source_ + "/file", std::string(10'000, 'x'));
  std::string mounted = MountSource();
  struct statvfs st;
  ASSERT_EQ(::statvfs(mounted.c_str(), &st), 0);
  EXPECT_EQ(st.f_blocks, 3u);
  EXPECT_EQ(st.f_files, 2u);
  EXPECT_EQ(st.f_namemax, 255u);
}

TEST_F(ImagefsTest, AnswersEioForAMissingBlobUntilTheServerHasIt) {
  WriteContent(source_ + "/file", "content");
  std::string mounted = MountSource();
  cas::Digest digest = cas::Digest::Of("content");
  server_.Remove(digest);
  EXPECT_EQ(images_.counters().failed_reads, 0u);
  EXPECT_EQ(os::ReadFile(mounted + "/file").error().os_errno(), EIO);
  EXPECT_EQ(images_.counters().failed_fetches, 1u);
  EXPECT_GE(images_.counters().failed_reads, 1u);
  EXPECT_GE(images_.counters().retries, 1u);
  server_.Add("content");
  EXPECT_EQ(os::ReadFile(mounted + "/file").value(), "content");
}

TEST_F(ImagefsTest, AnswersEioWhileTheServerIsDown) {
  WriteContent(source_ + "/file", "content");
  WriteContent(source_ + "/local", "local");
  std::string mounted = MountSource();
  EXPECT_EQ(os::ReadFile(mounted + "/local").value(), "local");
  server_.Stop();
  EXPECT_EQ(os::ReadFile(mounted + "/file").error().os_errno(), EIO);
  EXPECT_EQ(os::ReadFile(mounted + "/local").value(), "local");
  server_.Start();
  EXPECT_EQ(os::ReadFile(mounted + "/file").value(), "content");
}

TEST_F(ImagefsTest, NeverServesDamagedBytes) {
  WriteContent(source_ + "/file", "content");
  std::string mounted = MountSource();
  server_.Fail(BlobFault::kCorrupt);
  EXPECT_EQ(os::ReadFile(mounted + "/file").error().os_errno(), EIO);
  server_.Fail(BlobFault::kNone);
  EXPECT_EQ(os::ReadFile(mounted + "/file").value(), "content");
}

TEST_F(ImagefsTest, FetchesOnceForManyReadersAndDoesNotBlockHitsMeanwhile) {
  WriteContent(source_ + "/slow", std::string(1'000'000, 's'));
  WriteContent(source_ + "/hit", "hit");
  std::string mounted = MountSource();
  EXPECT_EQ(os::ReadFile(mounted + "/hit").value(), "hit");
  int before = server_.gets();
  server_.Hold();
  std::atomic<int> good = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 40; ++i) {
    readers.emplace_back([&] {
      auto content = os::ReadFile(mounted + "/slow");
      good += content && content->size() == 1'000'000;
    });
  }
  bool held = server_.WaitForHeld(1);
  auto hit = os::ReadFile(mounted + "/hit");
  bool looked_up = ::access((mounted + "/absent").c_str(), F_OK) == -1 && errno == ENOENT;
  server_.Release();
  readers.clear();
  EXPECT_TRUE(held);
  EXPECT_EQ(hit.value(), "hit");
  EXPECT_TRUE(looked_up);
  EXPECT_EQ(good, 40);
  EXPECT_EQ(server_.gets(), before + 1);
}

TEST_F(ImagefsTest, LosesNoReaderWhenItsProcessIsKilled) {
  WriteContent(source_ + "/file", std::string(500'000, 'f'));
  WriteContent(source_ + "/later", "later");
  std::string other = images_.NewSource("other");
  WriteContent(other + "/file", "other");
  std::string mounted = MountSource(), second = Mounted(images_.Import(other));
  ino_t inode = Lstat(second + "/file").st_ino;
  UniqueFd open(::open((mounted + "/later").c_str(), O_RDONLY | O_CLOEXEC));
  server_.Hold();
  Result<std::string> content = Fail(Code::kUnknown, "not read");
  std::jthread reader([&] { content = os::ReadFile(mounted + "/file"); });
  ASSERT_TRUE(server_.WaitForHeld(1));
  int killed = images_.supervisor().pid();
  ASSERT_GT(killed, 0);
  ASSERT_EQ(::kill(killed, SIGKILL), 0);
  server_.Release();
  reader.join();
  ASSERT_TRUE(content) << content.error().message();
  EXPECT_EQ(content->size(), 500'000u);
  EXPECT_NE(images_.supervisor().pid(), killed);
  EXPECT_EQ(images_.supervisor().restarts(), 1u);
  char buffer[16];
  EXPECT_EQ(::read(open.get(), buffer, sizeof buffer), 5);
  EXPECT_EQ(os::ReadFile(second + "/file").value(), "other");
  EXPECT_EQ(Lstat(second + "/file").st_ino, inode);
  ExpectSame(source_, mounted);
}

TEST_F(ImagefsTest, SurvivesBeingKilledAgainAndAgainUnderLoad) {
  for (int i = 0; i < 200; ++i)
    WriteContent(source_ + "/" + std::to_string(i), std::string(static_cast<size_t>(i) * 100, 'x'));
  std::string mounted = MountSource();
  std::atomic<bool> wrong = false;
  std::jthread reader([&] {
    for (int i = 0; i < 200; ++i) {
      auto content = os::ReadFile(mounted + "/" + std::to_string(i));
      if (!content || content->size() != static_cast<size_t>(i) * 100) wrong = true;
    }
  });
  for (uint64_t kills = 0; kills < 3; ++kills) {
    while (images_.supervisor().pid() < 0 || images_.supervisor().restarts() < kills) std::this_thread::yield();
    ::kill(images_.supervisor().pid(), SIGKILL);
    while (images_.supervisor().restarts() == kills) std::this_thread::yield();
  }
  reader.join();
  EXPECT_FALSE(wrong);
}

TEST_F(ImagefsTest, StartsAgainWithoutTheServerAndWithoutTheCache) {
  WriteContent(source_ + "/file", "content");
  cas::Digest image = images_.Import(source_);
  std::string mounted = Mounted(image);
  EXPECT_EQ(os::ReadFile(mounted + "/file").value(), "content");
  images_.DropFromCache(image);
  server_.Stop();
  int killed = images_.supervisor().pid();
  ASSERT_EQ(::kill(killed, SIGKILL), 0);
  // Both are asked of the new process: the kernel knows neither.
  EXPECT_EQ(::access((mounted + "/absent").c_str(), F_OK), -1);
  EXPECT_EQ(errno, ENOENT);
  struct statvfs st;
  ASSERT_EQ(::statvfs(mounted.c_str(), &st), 0);
  EXPECT_EQ(st.f_files, 2u);
  EXPECT_NE(images_.supervisor().pid(), killed);
}

TEST_F(ImagefsTest, FetchesAgainABlobThatLeftTheCache) {
  WriteContent(source_ + "/file", "content");
  std::string mounted = MountSource();
  images_.DropFromCache(cas::Digest::Of("content"));
  EXPECT_EQ(os::ReadFile(mounted + "/file").value(), "content");
}

TEST_F(ImagefsTest, SaysWhatIsWrongWithAnImage) {
  auto missing = images_.supervisor().Acquire(cas::Digest::Of("no such image"));
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  auto wrong = images_.supervisor().Acquire(server_.Add("this is no index"));
  EXPECT_EQ(wrong.error().code(), Code::kDataLoss);
  EXPECT_NE(wrong.error().message().find("index"), std::string::npos);
  WriteContent(source_ + "/file", "content");
  cas::Digest image = images_.Import(source_);
  server_.Stop();
  EXPECT_EQ(images_.supervisor().Acquire(image).error().code(), Code::kUnavailable);
  server_.Start();
  EXPECT_TRUE(images_.supervisor().Acquire(image));
}

TEST_F(ImagefsTest, LeavesNoMountAndNoProcessAndStartsAgain) {
  WriteContent(source_ + "/file", "content");
  std::string mounted = MountSource();
  EXPECT_TRUE(fs::exists(mounted + "/file"));
  int pid = images_.supervisor().pid();
  images_.Stop();
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_TRUE(fs::is_empty(images_.directory() / "imagefs/plain"));
  ASSERT_TRUE(images_.Start());
  EXPECT_EQ(os::ReadFile(MountSource() + "/file").value(), "content");
}

TEST(Supervisor, SaysThatItsProgramDoesNotServe) {
  if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "needs root and /dev/fuse";
  testing::MountedImages absent("/nonexistent/burrowd");
  EXPECT_FALSE(absent.Start());
  testing::MountedImages silent("/bin/true");
  Status status = silent.Start();
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message().find("/bin/true"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(silent.directory() / "imagefs/plain")) << "the mount is left";
}

}  // namespace
}  // namespace burrow::imagefs

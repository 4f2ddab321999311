#include "imagefs/killed_holder.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "cas/testing/temporary_directory.h"
#include "imagefs/fuse_mount.h"
#include "os/fs.h"

namespace burrow::imagefs {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);

// Holds the lock; a thread of it asks a filesystem that has taken the question and will never answer.
[[noreturn]] void AskForEver(const std::string& directory, const std::string& lock_file, int asked) {
  ::unshare(CLONE_NEWNS);
  ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  auto lock = os::LockFile(lock_file);
  auto mounted = MountFuse(directory + "/plain");
  if (!lock || !mounted) ::_exit(1);
  std::thread asking([&] {
    struct statfs st;
    (void)::statfs((directory + "/plain").c_str(), &st);
  });
  std::string request(1u << 20, '\0');
  if (::read(mounted->device.get(), request.data(), request.size()) <= 0) ::_exit(1);
  (void)!::write(asked, "x", 1);
  for (;;) ::pause();
}

class KilledHolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount";
    ASSERT_TRUE(os::MakeDirectories(mounts_ + "/plain"));
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    child_ = ::fork();
    if (child_ == 0) AskForEver(mounts_, lock_file_, ends[1]);
    ::close(ends[1]);
    char byte;
    ASSERT_EQ(::read(ends[0], &byte, 1), 1) << "the child ended";
    ::close(ends[0]);
  }
  void TearDown() override {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    for (const auto end = std::chrono::steady_clock::now() + kPatience; std::chrono::steady_clock::now() < end;) {
      (void)ReleaseKilledHolder(lock_file_, mounts_);
      if (::waitpid(child_, nullptr, WNOHANG) == child_) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    FAIL() << "the killed process is still there";
  }

  cas::testing::TemporaryDirectory directory_;
  std::string mounts_ = directory_ / "imagefs", lock_file_ = directory_ / "lock";
  pid_t child_ = 0;
};

TEST_F(KilledHolderTest, IsReleasedWhereAThreadOfItWaitsForAnAnswer) {
  ::kill(child_, SIGKILL);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!os::LockFile(lock_file_) && std::chrono::steady_clock::now() < end) {
    auto found = ReleaseKilledHolder(lock_file_, mounts_);
    ASSERT_TRUE(found) << found.error().message();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(os::LockFile(lock_file_));
}

TEST_F(KilledHolderTest, LeavesItsLockToWhoeverWaits) {
  ::kill(child_, SIGKILL);
  EXPECT_TRUE(AwaitLock(lock_file_, mounts_, {.alive = kPatience, .killed = kPatience}));
}

TEST_F(KilledHolderTest, IsNotWaitedForLongWhileItLives) {
  const auto lock = AwaitLock(lock_file_, mounts_, {.alive = std::chrono::milliseconds(1), .killed = kPatience});
  EXPECT_EQ(lock.error().code(), Code::kFailedPrecondition);
}

TEST_F(KilledHolderTest, IsLeftAloneWhileItLives) {
  EXPECT_EQ(*ReleaseKilledHolder(lock_file_, mounts_), LockHolder::kAlive);
  EXPECT_FALSE(os::LockFile(lock_file_));
  EXPECT_EQ(::waitpid(child_, nullptr, WNOHANG), 0);
}

// Nobody else ends what waits for an answer.
TEST_F(KilledHolderTest, IsNotReleasedForMountsElsewhere) {
  ::kill(child_, SIGKILL);
  LockHolder seen = LockHolder::kAlive;
  while (seen == LockHolder::kAlive) seen = *ReleaseKilledHolder(lock_file_, directory_ / "elsewhere");
  EXPECT_EQ(seen, LockHolder::kKilled);
  EXPECT_FALSE(os::LockFile(lock_file_));
}

}  // namespace
}  // namespace burrow::imagefs

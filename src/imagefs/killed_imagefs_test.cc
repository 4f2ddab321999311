// kill -9 of the imagefs process, again and again, while readers wait for it: all of them get what they asked for, and
// no help of the kernel is needed for that.
#include <gtest/gtest.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <random>
#include <thread>
#include <vector>

#include "imagefs/testing/files.h"
#include "imagefs/testing/mounted_images.h"
#include "os/fs.h"

namespace burrow::imagefs {
namespace {

constexpr std::chrono::milliseconds kFetchDeadline{60'000};
constexpr std::chrono::seconds kReplaced{120};

class KilledImagefsTest : public ::testing::TestWithParam<TierChoice> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "needs root and /dev/fuse";
    Status status = images_.Start();
    if (!status && GetParam() == TierChoice::kErofs && status.error().code() == Code::kFailedPrecondition) {
      GTEST_SKIP() << status.error().message();
    }
    ASSERT_TRUE(status) << status.error().message();
  }

  static std::string Content(int file) { return std::to_string(file) + std::string(1000 + 7U * file, 'c'); }
  // The root of an image of so many files.
  std::string Mount(int files) {
    const std::string source = images_.NewSource("source");
    for (int i = 0; i < files; ++i) testing::WriteContent(source + "/" + std::to_string(i), Content(i));
    auto overlay = images_.MountOverlay(images_.Import(source));
    EXPECT_TRUE(overlay) << overlay.error().message();
    return overlay ? (*overlay)->mount.target() : "/nonexistent";
  }
  void Read(const std::string& root, int file) {
    auto content = os::ReadFile(root + "/" + std::to_string(file));
    if (!content || *content != Content(file)) ++wrong_;
  }
  // Kills the process that serves, once there is one, and waits until it is missed.
  void Kill() {
    const uint64_t before = images_.supervisor().restarts();
    const auto end = std::chrono::steady_clock::now() + kReplaced;
    while (images_.supervisor().restarts() == before) {
      if (int pid = images_.supervisor().pid(); pid > 0) ::kill(pid, SIGKILL);
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "it is not started again";
      std::this_thread::yield();
    }
  }

  testing::MountedImages images_{"/proc/self/exe", GetParam(), kFetchDeadline};
  cas::testing::BlobServer& server_ = images_.server();
  std::atomic<int> wrong_ = 0;
};

TEST_P(KilledImagefsTest, LosesNoneOfManyReadersThatWaitForASlowServer) {
  constexpr int kFiles = 60;  // more than fetch threads
  const std::string root = Mount(kFiles);
  server_.Hold();
  std::vector<std::jthread> readers;
  readers.reserve(kFiles);
  for (int i = 0; i < kFiles; ++i) readers.emplace_back([&, i] { Read(root, i); });
  EXPECT_TRUE(server_.WaitForHeld(1));
  for (int kills = 0; kills < 3; ++kills) Kill();
  server_.Release();
  readers.clear();
  EXPECT_EQ(wrong_, 0);
}

TEST_P(KilledImagefsTest, LosesNoReaderWheneverItIsKilled) {
  constexpr int kRounds = 8, kReaders = 16, kFiles = 12;  // files of one round
  constexpr unsigned kSeed = 20;
  std::mt19937 random(kSeed);
  auto upTo = [&](int most) { return std::uniform_int_distribution(0, most)(random); };
  const std::string root = Mount(kRounds * kFiles);
  for (int round = 0; round < kRounds; ++round) {
    const int begun = server_.gets(), asked = begun + upTo(kFiles), pauses = upTo(2000);
    const bool slow = upTo(1) == 1;
    if (slow) server_.Hold();
    std::atomic<int> reading = kReaders;
    std::vector<std::jthread> readers;
    readers.reserve(kReaders);
    for (int reader = 0; reader < kReaders; ++reader) {
      readers.emplace_back([&, first = upTo(kFiles - 1)] {
        for (int i = 0; i < kFiles; ++i) Read(root, round * kFiles + (first + i) % kFiles);
        --reading;
      });
    }
    if (slow) {
      EXPECT_TRUE(server_.WaitForHeld(1));
    } else {
      while (server_.gets() < asked && reading > 0) std::this_thread::yield();
    }
    for (int i = 0; i < pauses; ++i) std::this_thread::yield();
    Kill();
    server_.Release();
    readers.clear();
    ASSERT_EQ(wrong_, 0) << "round " << round << " of seed " << kSeed;
  }
}

// These requests are answered at once: many kills find one that is just being read or answered.
TEST_P(KilledImagefsTest, LosesNoRequestThatIsBeingReadFromTheKernel) {
  constexpr int kKills = 15, kAskers = 4;
  (void)Mount(1);
  const std::string asked = images_.directory() / (GetParam() == TierChoice::kErofs ? "imagefs/hook" : "imagefs/plain");
  std::atomic<bool> enough = false;
  std::vector<std::jthread> askers;
  askers.reserve(kAskers);
  for (int i = 0; i < kAskers; ++i) {
    askers.emplace_back([&] {
      struct statfs st;
      while (!enough) wrong_ += ::statfs(asked.c_str(), &st) != 0;
    });
  }
  for (int kills = 0; kills < kKills; ++kills) Kill();
  enough = true;
  askers.clear();
  EXPECT_EQ(wrong_, 0);
}

INSTANTIATE_TEST_SUITE_P(Tiers, KilledImagefsTest, ::testing::Values(TierChoice::kFuse, TierChoice::kErofs),
                         [](const auto& tier) { return tier.param == TierChoice::kFuse ? "Fuse" : "Erofs"; });

}  // namespace
}  // namespace burrow::imagefs

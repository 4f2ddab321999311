#include "builder/cache_mounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "os/testing/environment.h"

namespace burrow::builder {
namespace {

using os::ErrorText;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

class CacheMountsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Open();
    cancellation_ = *Cancellation::Create();
  }
  void Open() {
    caches_.reset();
    auto caches = CacheMounts::Open(temp_ / "caches");
    ASSERT_TRUE(caches) << ErrorText(caches);
    caches_ = std::move(*caches);
  }
  Result<CacheLease> Acquire(const std::string& id, CacheSharing sharing,
                             milliseconds patience = milliseconds(60'000)) {
    return caches_->Acquire({.id = id, .sharing = sharing, .uid = geteuid(), .gid = getegid()}, *cancellation_,
                            steady_clock::now() + patience);
  }

  os::TempDirectory temp_;
  std::unique_ptr<CacheMounts> caches_;
  std::shared_ptr<Cancellation> cancellation_;
};

TEST_F(CacheMountsTest, KeepsItsContentOverStepsAndLives) {
  {
    auto first = Acquire("pip", CacheSharing::kShared);
    ASSERT_TRUE(first) << ErrorText(first);
    ASSERT_TRUE(os::WriteFileAtomically(first->path() + "/kept", "x"));
  }
  ASSERT_TRUE(os::MakeDirectories(temp_ / "caches/.new-unfinished"));
  Open();
  auto again = Acquire("pip", CacheSharing::kLocked);
  ASSERT_TRUE(again) << ErrorText(again);
  EXPECT_EQ(os::ReadFile(again->path() + "/kept").value_or(""), "x");
  EXPECT_NE(Acquire("other", CacheSharing::kShared)->path(), again->path());
  EXPECT_FALSE(std::filesystem::exists(temp_ / "caches/.new-unfinished"));
}

TEST_F(CacheMountsTest, GivesANewOneItsModeOrItsFirstContent) {
  auto plain = caches_->Acquire({.id = "a", .mode = 01770, .uid = geteuid(), .gid = getegid()}, *cancellation_,
                                steady_clock::now() + milliseconds(60'000));
  ASSERT_TRUE(plain) << ErrorText(plain);
  struct stat info{};
  ASSERT_EQ(::stat(plain->path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 01770u);
  int filled = 0;
  CacheRequest request{.id = "b", .fill = [&filled](const std::string& directory) {
                         ++filled;
                         return os::WriteFileAtomically(directory + "/first", "content");
                       }};
  for (int i = 0; i < 2; ++i) {
    auto lease = caches_->Acquire(request, *cancellation_, steady_clock::now() + milliseconds(60'000));
    ASSERT_TRUE(lease) << ErrorText(lease);
    EXPECT_EQ(os::ReadFile(lease->path() + "/first").value_or(""), "content");
  }
  EXPECT_EQ(filled, 1);
}

TEST_F(CacheMountsTest, AreOfOneWorkspaceEach) {
  auto acquire = [&](const std::string& workspace) {
    auto lease = caches_->Acquire({.workspace = workspace, .id = "pip", .uid = geteuid(), .gid = getegid()},
                                  *cancellation_, steady_clock::now() + milliseconds(60'000));
    return lease ? lease->path() : ErrorText(lease);
  };
  const std::string common = acquire("");
  EXPECT_EQ(acquire("default"), common);
  EXPECT_NE(acquire("other"), common);
  EXPECT_NE(acquire("other-one"), acquire("other"));
  EXPECT_EQ(caches_->Prune("other").value_or(9), 1u);
  EXPECT_EQ(caches_->Prune("default").value_or(9), 1u);
  EXPECT_EQ(caches_->Prune("other-one").value_or(9), 1u);
}

TEST_F(CacheMountsTest, TriesAgainWhereTheFirstContentFailed) {
  CacheRequest request{.id = "b", .fill = [](const std::string&) { return Fail(Code::kNotFound, "no source"); }};
  auto failed = caches_->Acquire(request, *cancellation_, steady_clock::now() + milliseconds(60'000));
  ASSERT_FALSE(failed);
  EXPECT_THAT(ErrorText(failed), HasSubstr("make the cache 'b': no source"));
  EXPECT_TRUE(Acquire("b", CacheSharing::kLocked));
}

TEST_F(CacheMountsTest, SharesOneAndMakesAnotherForWhoWantsItAlone) {
  auto first = Acquire("x", CacheSharing::kShared), second = Acquire("x", CacheSharing::kShared);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->path(), second->path());
  auto alone = Acquire("x", CacheSharing::kPrivate), other = Acquire("x", CacheSharing::kPrivate);
  ASSERT_TRUE(alone && other);
  EXPECT_NE(alone->path(), first->path());
  EXPECT_NE(alone->path(), other->path());
  const std::string path = other->path();
  other = CacheLease();
  EXPECT_EQ(Acquire("x", CacheSharing::kPrivate)->path(), path) << "free again";
}

TEST_F(CacheMountsTest, LetsOneStepAfterAnotherHaveALockedOne) {
  auto held = Acquire("x", CacheSharing::kLocked);
  ASSERT_TRUE(held);
  auto next = std::async(std::launch::async, [this] { return Acquire("x", CacheSharing::kLocked); });
  EXPECT_EQ(next.wait_for(milliseconds(100)), std::future_status::timeout);
  held = CacheLease();
  auto got = next.get();
  EXPECT_TRUE(got) << ErrorText(got);
}

TEST_F(CacheMountsTest, TellsWhenItWaitsAndWhenItGoesOn) {
  auto held = Acquire("x", CacheSharing::kLocked);
  ASSERT_TRUE(held);
  std::vector<bool> told;
  CacheRequest request{.id = "x", .sharing = CacheSharing::kLocked, .on_wait = [&](bool waits) {
                         told.push_back(waits);
                         if (waits) held = CacheLease();
                       }};
  const auto deadline = steady_clock::now() + milliseconds(60'000);
  ASSERT_TRUE(caches_->Acquire(request, *cancellation_, deadline));
  EXPECT_EQ(told, (std::vector<bool>{true, false}));
  told.clear();
  ASSERT_TRUE(caches_->Acquire(request, *cancellation_, deadline));
  EXPECT_TRUE(told.empty());
}

TEST_F(CacheMountsTest, StopsWaitingAtTheDeadlineAndWhenCancelled) {
  auto held = Acquire("x", CacheSharing::kLocked);
  ASSERT_TRUE(held);
  auto late = Acquire("x", CacheSharing::kLocked, milliseconds(50));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Code::kDeadlineExceeded);
  std::jthread canceller([this] { cancellation_->Cancel(); });
  auto cancelled = Acquire("x", CacheSharing::kShared);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code(), Code::kCancelled);
}

TEST_F(CacheMountsTest, RemovesThoseThatNobodyUses) {
  auto used = Acquire("used", CacheSharing::kShared);
  ASSERT_TRUE(used);
  for (const char* id : {"a", "b"}) {
    auto idle = Acquire(id, CacheSharing::kLocked);
    ASSERT_TRUE(idle);
    ASSERT_TRUE(os::WriteFileAtomically(idle->path() + "/gone", "x"));
  }
  auto removed = caches_->Prune("");
  ASSERT_TRUE(removed) << ErrorText(removed);
  EXPECT_EQ(*removed, 2u);
  EXPECT_TRUE(std::filesystem::exists(used->path()));
  auto anew = Acquire("a", CacheSharing::kShared);
  ASSERT_TRUE(anew);
  EXPECT_TRUE(std::filesystem::is_empty(anew->path()));
  EXPECT_EQ(caches_->Prune("").value_or(9), 0u);
}

}  // namespace
}  // namespace burrow::builder

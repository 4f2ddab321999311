#include "cas/prefetch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "cas/blob_path.h"
#include "cas/http_blob_store.h"
#include "cas/testing/blob_server.h"
#include "cas/testing/memory_blob_store.h"
#include "cas/testing/temporary_directory.h"
#include "os/mount.h"

namespace burrow::cas {
namespace {

constexpr std::chrono::minutes kVeryLong{10};

class PrefetchTest : public ::testing::Test {
 protected:
  HotBlob Add(const std::string& content) { return {.digest = remote_.Add(content), .size = content.size()}; }
  std::vector<HotBlob> AddMany(int count) {
    std::vector<HotBlob> blobs;
    for (int i = 0; i < count; ++i) blobs.push_back(Add("blob " + std::to_string(i)));
    return blobs;
  }
  Result<PrefetchOutcome> Fetch(const std::vector<HotBlob>& blobs) {
    return Prefetch(blobs, {.cache = cache_.get(), .remote = &remote_, .cancelled = &cancelled_});
  }
  bool Linked(const HotBlob& blob) {
    return std::filesystem::exists(cache_->layout().Linked() + "/" + BlobPath(blob.digest));
  }

  testing::TemporaryDirectory directory_;
  testing::MemoryBlobStore remote_;
  std::unique_ptr<BlobCache> cache_ = BlobCache::Open(directory_ / "cache", &remote_).value();
  std::atomic<bool> cancelled_ = false;
};

TEST_F(PrefetchTest, BringsWhatIsMissingAsOneBundleInOrder) {
  auto blobs = AddMany(100);
  ASSERT_TRUE(cache_->OpenBlob(blobs[10].digest));
  auto outcome = Fetch(blobs).value();
  EXPECT_EQ(outcome.present, 1u);
  EXPECT_EQ(outcome.fetched, 99u);
  std::vector<Digest> expected;
  for (const HotBlob& blob : blobs) {
    if (blob.digest != blobs[10].digest) expected.push_back(blob.digest);
    EXPECT_TRUE(cache_->Has(blob.digest));
    EXPECT_TRUE(Linked(blob));
  }
  EXPECT_EQ(remote_.bundles(), (std::vector<std::vector<Digest>>{expected}));
  EXPECT_EQ(cache_->signals().counters().prefetched_blobs, 99u);
  EXPECT_EQ(cache_->signals().counters().misses, 1u);
}

TEST_F(PrefetchTest, FetchesLargeBlobsBesideTheBundle) {
  auto blobs = AddMany(3);
  blobs.insert(blobs.begin(), Add(std::string(kManyLimit + 1, 'l')));
  blobs.push_back(blobs.front());  // twice is once
  EXPECT_EQ(Fetch(blobs).value().fetched, 4u);
  EXPECT_EQ(remote_.asked(), std::vector{blobs[0].digest});
  EXPECT_EQ(remote_.bundles().at(0).size(), 3u);
  EXPECT_EQ(cache_->signals().counters().misses, 0u);
}

TEST_F(PrefetchTest, LeavesHugeBlobsToTheirReaders) {
  auto blobs = AddMany(3);
  blobs.push_back(Add(std::string(kManyLimit + 1, 'h')));
  blobs.back().size = 16u << 20;
  const auto outcome = Fetch(blobs).value();
  EXPECT_EQ(outcome.fetched, 3u);
  EXPECT_EQ(outcome.left, 1u);
  EXPECT_TRUE(remote_.asked().empty());
}

TEST_F(PrefetchTest, HasFramesOfLargeBlobsReadWhereTheyAreFewOrTheBlobIsHuge) {
  HotBlob huge{.digest = Digest::Of("huge"), .size = 16u << 20, .frames = {1, 2, 3, 4, 5, 6, 7, 8, 9}};
  HotBlob few{.digest = Digest::Of("few"), .size = 8u << 20, .frames = {7, 1}};
  HotBlob many = Add(std::string(kManyLimit + 1, 'm'));
  many.frames = {0, 1, 2, 3, 4};
  std::mutex mutex;
  std::set<Digest> read;
  auto outcome =
      Prefetch(std::vector{huge, few, many},
               {.cache = cache_.get(), .remote = &remote_, .read_frames = [&](const HotBlob& blob, const auto& ended) {
                  std::lock_guard lock(mutex);
                  EXPECT_FALSE(ended());
                  read.insert(blob.digest);
                  return Status();
                }});
  EXPECT_EQ(outcome.value().fetched, 3u);
  EXPECT_EQ(read, (std::set<Digest>{huge.digest, few.digest}));
  EXPECT_EQ(remote_.asked(), std::vector{many.digest});
}

TEST_F(PrefetchTest, PassesOverWhatTheStoreDoesNotHave) {
  auto blobs = AddMany(5);
  blobs.insert(blobs.begin() + 2, HotBlob{.digest = Digest::Of("gone"), .size = 10});
  auto outcome = Fetch(blobs).value();
  EXPECT_EQ(outcome.fetched, 5u);
  EXPECT_EQ(outcome.failed, 1u);
}

TEST_F(PrefetchTest, EndsWhenTheDiskIsFull) {
  std::filesystem::create_directories(directory_ / "disk");
  auto mount = os::MountTmpfs(directory_ / "disk", 2u << 20);
  if (!mount) GTEST_SKIP() << "needs root to mount a tmpfs: " << mount.error().message();
  cache_ = BlobCache::Open(directory_ / "disk/cache", &remote_).value();
  std::vector<HotBlob> blobs;
  for (int i = 0; i < 8; ++i) blobs.push_back(Add(std::string(1u << 20, static_cast<char>('a' + i))));
  auto outcome = Fetch(blobs).value();
  EXPECT_LT(outcome.fetched, 3u);
  EXPECT_GT(outcome.failed, 0u);
  cache_.reset();
}

TEST_F(PrefetchTest, EndsWhenNobodyNeedsItAnyMore) {
  auto blobs = AddMany(50);
  cancelled_ = true;
  EXPECT_EQ(Fetch(blobs).error().code(), Code::kCancelled);
  EXPECT_EQ(cache_->signals().counters().prefetched_blobs, 0u);
}

TEST_F(PrefetchTest, EndsInTheMiddleOfALargeBlob) {
  testing::BlobServer server;
  auto remote = NewHttpBlobStore({.url = server.url(), .token = server.token()});
  auto cache = BlobCache::Open(directory_ / "other", remote.get()).value();
  Digest large = server.Add(std::string(kManyLimit + 1, 'l'));
  server.Fail(testing::BlobFault::kDrip);
  std::jthread cancelling([&] {
    while (server.gets() == 0) std::this_thread::yield();
    cancelled_ = true;
  });
  auto outcome = Prefetch(std::vector<HotBlob>{{.digest = large, .size = kManyLimit + 1}},
                          {.cache = cache.get(), .remote = remote.get(), .cancelled = &cancelled_});
  EXPECT_EQ(outcome.error().code(), Code::kCancelled);
  EXPECT_EQ(cache->signals().counters().failed_fetches, 0u);
}

TEST_F(PrefetchTest, EndsInTheMiddleOfABundleOfASilentServer) {
  testing::BlobServer server;
  auto remote = NewHttpBlobStore({.url = server.url(), .token = server.token(), .deadline = kVeryLong});
  auto cache = BlobCache::Open(directory_ / "other", remote.get()).value();
  const HotBlob small{.digest = server.Add("small"), .size = 5};
  server.Fail(testing::BlobFault::kStall);
  std::jthread cancelling([&] {
    while (server.gets() == 0) std::this_thread::yield();
    cancelled_ = true;
  });
  auto outcome = Prefetch(std::vector{small}, {.cache = cache.get(), .remote = remote.get(), .cancelled = &cancelled_});
  EXPECT_EQ(outcome.error().code(), Code::kCancelled);
}

TEST_F(PrefetchTest, DoesNotKeepAReaderWaitingForItsBundle) {
  const auto blobs = AddMany(3);
  remote_.HoldBundles();
  std::jthread prefetching([&] { (void)Fetch(blobs); });
  while (remote_.bundles().empty()) std::this_thread::yield();
  EXPECT_EQ(cache_->Read(blobs[2].digest, 100).value(), "blob 2");
  EXPECT_EQ(remote_.asked(), std::vector{blobs[2].digest});
  remote_.Release();
}

TEST_F(PrefetchTest, LetsAMissGoBeforeLargeBlobsToo) {
  std::vector<HotBlob> blobs;
  for (char c : {'a', 'b', 'c'}) blobs.push_back(Add(std::string(2 * kManyLimit, c)));
  CacheSignals::Miss stuck(cache_->signals());
  auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(Fetch(blobs).value().fetched, 3u);
  EXPECT_EQ(remote_.asked().size(), 3u);
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(2 * 3)) << "by two at once";
}

TEST_F(PrefetchTest, LetsAMissGoFirstButDoesNotWaitForEver) {
  std::vector<HotBlob> blobs;
  for (int i = 0; i < 4; ++i) blobs.push_back(Add(std::string(1u << 20, static_cast<char>('a' + i))));
  CacheSignals::Miss stuck(cache_->signals());
  auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(Fetch(blobs).value().fetched, 4u);
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(4 * 3));
}

}  // namespace
}  // namespace burrow::cas

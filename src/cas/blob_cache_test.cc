#include "cas/blob_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "cas/blob_path.h"
#include "cas/http_blob_store.h"
#include "cas/testing/blob_server.h"
#include "cas/testing/temporary_directory.h"
#include "os/mount.h"

namespace burrow::cas {
namespace {

using testing::BlobFault;

class BlobCacheTest : public ::testing::Test {
 protected:
  std::string LocalPath(const Digest& digest) {
    return directory_ / ("cache/blobs/" + digest.Hex().substr(0, 2) + "/" + digest.Hex().substr(2));
  }
  testing::TemporaryDirectory directory_;
  testing::BlobServer server_;
  std::unique_ptr<BlobStore> NewRemote(std::chrono::milliseconds deadline) {
    return NewHttpBlobStore({.url = server_.url(), .token = server_.token(), .deadline = deadline});
  }
  std::unique_ptr<BlobStore> remote_ = NewRemote(std::chrono::seconds(2));
  std::unique_ptr<BlobCache> cache_ = BlobCache::Open(directory_ / "cache", remote_.get()).value();
  Digest digest_ = server_.Add("content");
};

TEST_F(BlobCacheTest, FetchesABlobOnceForManyReaders) {
  server_.Hold();
  std::atomic<int> good = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 16; ++i) readers.emplace_back([&] { good += cache_->OpenBlob(digest_).has_value(); });
  ASSERT_TRUE(server_.WaitForHeld(1));
  server_.Release();
  readers.clear();
  EXPECT_EQ(good, 16);
  EXPECT_EQ(server_.gets(), 1);
  EXPECT_EQ(cache_->fetched_blobs(), 1u);
  EXPECT_EQ(cache_->fetched_bytes(), 7u);
}

TEST_F(BlobCacheTest, NeverAsksTheNetworkForALocalBlob) {
  EXPECT_EQ(cache_->OpenLocal(digest_).error().code(), Code::kNotFound);
  EXPECT_EQ(server_.gets(), 0);
  ASSERT_TRUE(cache_->OpenBlob(digest_));
  server_.Stop();
  EXPECT_TRUE(cache_->OpenLocal(digest_));
  EXPECT_EQ(cache_->Read(digest_, 100).value(), "content");
}

TEST_F(BlobCacheTest, TriesAgainAfterAFailedFetch) {
  server_.Fail(BlobFault::kServerError);
  EXPECT_EQ(cache_->OpenBlob(digest_).error().code(), Code::kUnavailable);
  server_.Fail(BlobFault::kNone);
  EXPECT_TRUE(cache_->OpenBlob(digest_));
}

TEST_F(BlobCacheTest, KeepsNothingThatWasDamagedOnTheWay) {
  server_.Fail(BlobFault::kCorrupt);
  EXPECT_EQ(cache_->OpenBlob(digest_).error().code(), Code::kDataLoss);
  EXPECT_FALSE(std::filesystem::exists(LocalPath(digest_)));
  server_.Fail(BlobFault::kCorrupt, 1);
  EXPECT_EQ(cache_->Read(digest_, 100).value(), "content");
}

TEST_F(BlobCacheTest, CountsDamagedBytesAndAsksAgainForAsLongAsItIsPatient) {
  server_.Fail(BlobFault::kCorrupt, 5);
  EXPECT_EQ(cache_->OpenBlob(digest_).error().code(), Code::kDataLoss);
  const CacheCounters& counters = cache_->signals().counters();
  EXPECT_EQ(counters.damaged_bytes, 3 * 7u);
  EXPECT_EQ(counters.retries, 2u);
  EXPECT_EQ(counters.failed_fetches, 1u);
  auto patient =
      BlobCache::Open(
          {.directory = directory_ / "patient", .remote = remote_.get(), .patience = std::chrono::milliseconds(30'000)})
          .value();
  server_.Fail(BlobFault::kCorrupt, 5);
  EXPECT_TRUE(patient->OpenBlob(digest_));
  EXPECT_EQ(patient->signals().counters().damaged_bytes, 5 * 7u);
  EXPECT_EQ(patient->signals().counters().failed_fetches, 0u);
}

TEST_F(BlobCacheTest, EndsAFetchAheadThatIsNotWantedButNotForThoseWhoWait) {
  std::jthread reader;
  Result<std::string> read = Fail(Code::kUnknown, "not read");
  Status ended = cache_->FetchAhead(digest_, [&](std::string_view) -> Status {
    // It joins this fetch or comes after it: both must lead to the blob.
    reader = std::jthread([&] { read = cache_->Read(digest_, 100); });
    std::this_thread::yield();
    return Fail(Code::kCancelled, "no more");
  });
  EXPECT_EQ(ended.error().code(), Code::kCancelled);
  reader.join();
  EXPECT_EQ(read.value(), "content");
  EXPECT_EQ(cache_->signals().counters().failed_fetches, 0u);
  EXPECT_EQ(cache_->signals().counters().prefetched_blobs, 0u);
}

TEST_F(BlobCacheTest, FetchesAgainWhatIsCutOrDamagedOnDisk) {
  ASSERT_TRUE(cache_->OpenBlob(digest_, 7));
  std::filesystem::resize_file(LocalPath(digest_), 3);
  EXPECT_TRUE(cache_->OpenBlob(digest_, 7));
  EXPECT_EQ(std::filesystem::file_size(LocalPath(digest_)), 7u);
  std::filesystem::resize_file(LocalPath(digest_), 3);
  EXPECT_EQ(cache_->Read(digest_, 100).value(), "content");
  EXPECT_EQ(server_.gets(), 3);
}

TEST_F(BlobCacheTest, LinksWhatItHasForOverlays) {
  EXPECT_EQ(cache_->Link(digest_).error().code(), Code::kNotFound);
  ASSERT_TRUE(cache_->OpenBlob(digest_));
  EXPECT_TRUE(cache_->Link(digest_).value());
  EXPECT_TRUE(cache_->Link(digest_).value());
  std::string linked = directory_ / ("cache/linked/" + BlobPath(digest_));
  EXPECT_TRUE(std::filesystem::equivalent(linked, LocalPath(digest_)));
  ASSERT_TRUE(cache_->Remove(digest_));
  EXPECT_FALSE(std::filesystem::exists(linked));
  EXPECT_FALSE(std::filesystem::exists(LocalPath(digest_)));
}

TEST_F(BlobCacheTest, RefusesToReadMoreThanTheLimit) {
  EXPECT_EQ(cache_->Read(digest_, 3).error().code(), Code::kOutOfRange);
}

TEST_F(BlobCacheTest, SaysThatTheDiskIsFull) {
  testing::TemporaryDirectory small;
  auto mount = os::MountTmpfs(small.path(), 1u << 20);
  if (!mount) GTEST_SKIP() << "needs root to mount a tmpfs: " << mount.error().message();
  auto remote = NewRemote(std::chrono::seconds(60));  // a busy machine takes its time for the large one
  auto cache = BlobCache::Open(small / "cache", remote.get()).value();
  Digest large = server_.Add(std::string(4u << 20, 'x'));
  EXPECT_EQ(cache->OpenBlob(large).error().code(), Code::kResourceExhausted);
  EXPECT_TRUE(cache->OpenBlob(digest_));
}

}  // namespace
}  // namespace burrow::cas

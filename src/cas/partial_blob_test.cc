#include "cas/partial_blob.h"

#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <thread>

#include "cas/frames.h"
#include "cas/testing/memory_blob_store.h"
#include "cas/testing/temporary_directory.h"
#include "os/mount.h"

namespace burrow::cas {
namespace {

constexpr uint64_t kSize = 6 * kFrameSize + 12'345;

std::string Content(uint64_t size) {
  std::string content(size, '\0');
  uint32_t state = 1;
  for (char& c : content) c = static_cast<char>((state = state * 1'664'525 + 1'013'904'223) >> 24);
  return content;
}

class PartialBlobTest : public ::testing::Test {
 protected:
  void Open(const std::string& directory) {
    cache_ = BlobCache::Open(directory, &remote_).value();
    blobs_.emplace(PartialBlobsOptions{.cache = cache_.get(), .remote = &remote_, .run_later = [this](auto work) {
                                         std::lock_guard lock(mutex_);
                                         later_.push_back(std::move(work));
                                       }});
  }
  LargeBlob Add(const std::string& content) {
    FrameHasher hasher;
    hasher.Update(content);
    return {.digest = remote_.Add(content), .size = content.size(), .frames = remote_.Add(hasher.Finish())};
  }
  std::string Read(PartialBlob& blob, uint64_t offset, uint64_t length) {
    std::string bytes(length, '\0');
    Status status = blob.Read(offset, bytes);
    return status ? bytes : std::string(CodeName(status.error().code()));
  }
  bool RunOneLater() {
    std::unique_lock lock(mutex_);
    if (later_.empty()) return false;
    auto work = std::move(later_.front());
    later_.pop_front();
    lock.unlock();
    work();
    return true;
  }

  testing::TemporaryDirectory directory_;
  testing::MemoryBlobStore remote_;
  std::mutex mutex_;
  std::deque<std::function<void()>> later_;
  std::unique_ptr<BlobCache> cache_;
  std::optional<PartialBlobs> blobs_;
  std::string content_ = Content(kSize);
};

TEST_F(PartialBlobTest, FetchesTheFrameThatIsReadAndNothingElse) {
  Open(directory_ / "cache");
  LargeBlob large = Add(content_);
  auto blob = blobs_->Open(large).value();
  EXPECT_EQ(Read(*blob, 3 * kFrameSize + 5, 100), content_.substr(3 * kFrameSize + 5, 100));
  EXPECT_EQ(Read(*blob, 3 * kFrameSize + 900, 100), content_.substr(3 * kFrameSize + 900, 100));
  EXPECT_EQ(remote_.ranges(), std::vector<uint64_t>{3 * kFrameSize});
  EXPECT_EQ(remote_.asked(), std::vector<Digest>{large.frames});
  EXPECT_FALSE(cache_->Has(large.digest));
}

TEST_F(PartialBlobTest, ReadsAcrossFramesUpToTheShortLastOne) {
  Open(directory_ / "cache");
  auto blob = blobs_->Open(Add(content_)).value();
  uint64_t offset = 5 * kFrameSize - 7;
  EXPECT_EQ(Read(*blob, offset, kSize - offset), content_.substr(offset));
  EXPECT_EQ(Read(*blob, kSize, 0), "");
  EXPECT_EQ(Read(*blob, kSize - 1, 2), "out_of_range");
}

TEST_F(PartialBlobTest, FetchesAFrameOnceForManyReaders) {
  Open(directory_ / "cache");
  auto blob = blobs_->Open(Add(content_)).value();
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 8; ++i) readers.emplace_back([&] { EXPECT_EQ(Read(*blob, 0, 10), content_.substr(0, 10)); });
  }
  EXPECT_EQ(remote_.ranges().size(), 1u);
}

TEST_F(PartialBlobTest, BecomesAWholeBlobInTheBackground) {
  Open(directory_ / "cache");
  LargeBlob large = Add(content_);
  auto blob = blobs_->Open(large).value();
  EXPECT_EQ(Read(*blob, 2 * kFrameSize, 1), content_.substr(2 * kFrameSize, 1));
  while (RunOneLater()) {
  }
  EXPECT_EQ(remote_.ranges().size(), FrameCount(kSize));
  EXPECT_EQ(cache_->Read(large.digest, 2 * kSize).value(), content_);
  EXPECT_EQ(cache_->signals().counters().misses, 2u);  // the table and one frame
  EXPECT_EQ(cache_->signals().counters().prefetched_blobs, FrameCount(kSize) - 1);
}

TEST_F(PartialBlobTest, TakesFramesFromTheWholeBlobWhereSomebodyElseHasFetchedIt) {
  Open(directory_ / "cache");
  LargeBlob large = Add(content_);
  auto blob = blobs_->Open(large).value();
  ASSERT_TRUE(cache_->Store(large.digest, content_));
  EXPECT_EQ(Read(*blob, 3 * kFrameSize, 100), content_.substr(3 * kFrameSize, 100));
  while (RunOneLater()) {
  }
  EXPECT_TRUE(remote_.ranges().empty());
}

TEST_F(PartialBlobTest, FetchesTheRestWhenNothingIsFetchedAheadOfReadersAnyMore) {
  Open(directory_ / "cache");
  auto blob = blobs_->Open(Add(content_)).value();
  std::optional<CacheSignals::Prefetching> prefetching(std::in_place, cache_->signals());
  Read(*blob, 0, 10);
  ASSERT_TRUE(RunOneLater());
  EXPECT_EQ(remote_.ranges().size(), 1u);
  prefetching.reset();
  while (RunOneLater()) {
  }
  EXPECT_EQ(remote_.ranges().size(), FrameCount(kSize));
}

TEST_F(PartialBlobTest, ReadsAheadOfOneWhoReadsFromFrontToBack) {
  Open(directory_ / "cache");
  auto blob = blobs_->Open(Add(content_)).value();
  Read(*blob, 0, 10);
  size_t rest = later_.size();
  Read(*blob, kFrameSize, 10);
  EXPECT_EQ(later_.size(), rest + 4);
}

TEST_F(PartialBlobTest, AsksAgainForADamagedFrameAndServesNoneThatStaysSo) {
  Open(directory_ / "cache");
  auto blob = blobs_->Open(Add(content_)).value();
  remote_.DamageRanges(1);
  EXPECT_EQ(Read(*blob, 0, 10), content_.substr(0, 10));
  const CacheCounters& counters = cache_->signals().counters();
  EXPECT_EQ(counters.damaged_bytes, kFrameSize);
  EXPECT_EQ(counters.retries, 1u);
  EXPECT_EQ(counters.failed_fetches, 0u);
  remote_.DamageRanges(1'000);
  EXPECT_EQ(Read(*blob, kFrameSize, 10), "data_loss");
  EXPECT_EQ(counters.damaged_bytes, 4 * kFrameSize);
  EXPECT_EQ(counters.failed_fetches, 1u);
  remote_.DamageRanges(0);
  EXPECT_EQ(Read(*blob, kFrameSize, 10), content_.substr(kFrameSize, 10));
}

TEST_F(PartialBlobTest, RefusesATableOfAnotherSize) {
  Open(directory_ / "cache");
  LargeBlob large = Add(content_);
  large.frames = remote_.Add("short");
  EXPECT_EQ(blobs_->Open(large).error().code(), Code::kDataLoss);
}

TEST_F(PartialBlobTest, ServesFramesThatAFullDiskDoesNotTake) {
  std::filesystem::create_directories(directory_ / "disk");
  auto mount = os::MountTmpfs(directory_ / "disk", 2u << 20);
  if (!mount) GTEST_SKIP() << "needs root to mount a tmpfs: " << mount.error().message();
  Open(directory_ / "disk/cache");
  auto blob = blobs_->Open(Add(content_)).value();
  for (uint64_t frame = 0; frame < FrameCount(kSize); ++frame) {
    EXPECT_EQ(Read(*blob, frame * kFrameSize, 1'000), content_.substr(frame * kFrameSize, 1'000));
  }
  EXPECT_GT(cache_->signals().counters().uncached_bytes, 3 * kFrameSize);
}

}  // namespace
}  // namespace burrow::cas

#include "worker/leased_images.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "cas/blob_cache.h"
#include "cas/testing/memory_blob_store.h"
#include "cas/testing/temporary_directory.h"

namespace burrow::worker {
namespace {

constexpr std::chrono::milliseconds kLong{60'000};

// An hour ahead of the files' own clock, so that nothing is young.
class HourLater final : public Clock {
 public:
  SteadyTime Now() const override { return SystemClock().Now(); }
  uint64_t UnixMillis() const override { return SystemClock().UnixMillis() + 3'600'000; }
};

// Gives any image, and evicts whatever may go just before.
class EvictingProvider final : public imagefs::ImageProvider {
 public:
  explicit EvictingProvider(cas::CacheSignals& signals) : signals_(signals) {}

 private:
  Result<imagefs::ImageLease> DoAcquire(const cas::Digest&, const imagefs::AcquireOptions&) override {
    EXPECT_TRUE(signals_.MakeRoom(1u << 30, kLong));
    return imagefs::ImageLease({.directories = {"/image"}}, nullptr);
  }
  Status DoFetchIndex(const cas::Digest&) override { return {}; }
  cas::CacheSignals& signals_;
};

TEST(LeasedImages, HoldsTheIndexBeforeItAsksWhatItNames) {
  cas::testing::TemporaryDirectory temporary;
  cas::testing::MemoryBlobStore remote;
  HourLater clock;
  auto signals = cas::CacheSignals::Create().value();
  std::unique_ptr<cas::BlobCache> cache;
  auto blobs_of_image = [&](const cas::Digest& index) -> Result<std::vector<cas::Digest>> {
    if (cache && cache->Has(index)) return std::vector<cas::Digest>();
    return Fail(Code::kNotFound, "the index is not here");
  };
  auto keeper = cas::CacheKeeper::Open({.directory = temporary / "cache",
                                        .signals = signals,
                                        .quota_bytes = 1u << 30,
                                        .free_bytes = 1,
                                        .blobs_of_image = blobs_of_image,
                                        .clock = &clock})
                    .value();
  cache = cas::BlobCache::Open({.directory = temporary / "cache", .remote = &remote, .signals = signals}).value();
  cas::Digest index = remote.Add("index"), other = remote.Add("other");
  ASSERT_TRUE(cache->OpenBlob(index) && cache->OpenBlob(other));
  EvictingProvider provider(*signals);
  LeasedImages images(&provider, keeper.get());
  auto lease = images.Acquire(index);
  ASSERT_TRUE(lease) << lease.error().message();
  EXPECT_TRUE(cache->Has(index));
  EXPECT_FALSE(cache->Has(other)) << "nothing was evicted";
}

}  // namespace
}  // namespace burrow::worker

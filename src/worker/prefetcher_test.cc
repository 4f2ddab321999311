#include "worker/prefetcher.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "cas/http_blob_store.h"
#include "cas/testing/blob_server.h"
#include "cas/testing/temporary_directory.h"

namespace burrow::worker {
namespace {

constexpr std::chrono::minutes kVeryLong{10};
constexpr std::chrono::minutes kPrefetchPatience{2};

// The server answers a byte from time to time, so that no prefetch ends by itself.
class PrefetcherTest : public ::testing::Test {
 protected:
  static constexpr int kAtOnce = 4;

  void SetUp() override { server_.Fail(cas::testing::BlobFault::kDrip); }
  std::vector<cas::HotBlob> BlobOf(char name) {
    const std::string content(cas::kManyLimit + 1, name);
    return {{.digest = server_.Add(content), .size = content.size()}};
  }
  void StartMany(int count) {
    for (int i = 0; i < count; ++i) {
      prefetcher_.Start("ct-" + std::to_string(i), {.blobs = BlobOf(static_cast<char>('a' + i))});
    }
  }
  bool WaitUntilAsked(int count) {
    const auto end = std::chrono::steady_clock::now() + kPrefetchPatience;
    while (server_.gets() < count && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return server_.gets() == count;
  }

  cas::testing::TemporaryDirectory directory_;
  cas::testing::BlobServer server_;
  std::unique_ptr<cas::BlobStore> remote_ =
      cas::NewHttpBlobStore({.url = server_.url(), .token = server_.token(), .deadline = kVeryLong});
  std::unique_ptr<cas::BlobCache> cache_ = cas::BlobCache::Open(directory_ / "cache", remote_.get()).value();
  Prefetcher prefetcher_{{.cache = cache_.get(), .remote = remote_.get()}};
};

TEST_F(PrefetcherTest, EndsAPrefetchWhoseContainerIsGoneForOneThatWaits) {
  StartMany(kAtOnce + 1);
  ASSERT_TRUE(WaitUntilAsked(kAtOnce));
  prefetcher_.Forget("ct-2");
  EXPECT_TRUE(WaitUntilAsked(kAtOnce + 1));
}

TEST_F(PrefetcherTest, EndsASharedPrefetchWithItsLastContainer) {
  StartMany(kAtOnce + 1);
  prefetcher_.Start("ct-like-0", {.blobs = BlobOf('a')});
  ASSERT_TRUE(WaitUntilAsked(kAtOnce));
  prefetcher_.Forget("ct-0");
  EXPECT_EQ(server_.gets(), kAtOnce);
  prefetcher_.Forget("ct-like-0");
  EXPECT_TRUE(WaitUntilAsked(kAtOnce + 1));
}

TEST_F(PrefetcherTest, NeverBeginsAPrefetchWhoseContainerIsGone) {
  StartMany(kAtOnce + 2);
  ASSERT_TRUE(WaitUntilAsked(kAtOnce));
  prefetcher_.Forget("ct-4");
  server_.Fail(cas::testing::BlobFault::kNone);
  prefetcher_.Forget("ct-0");
  const cas::Digest last = BlobOf('f').front().digest;
  const auto end = std::chrono::steady_clock::now() + kPrefetchPatience;
  while (!cache_->Has(last) && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(cache_->Has(last));
  EXPECT_FALSE(cache_->Has(BlobOf('e').front().digest));
}

}  // namespace
}  // namespace burrow::worker

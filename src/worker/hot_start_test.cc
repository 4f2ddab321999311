#include "worker/hot_start.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "cas/http_blob_store.h"
#include "cas/testing/memory_blob_store.h"
#include "cas/testing/temporary_directory.h"
#include "image/import.h"
#include "os/fs.h"

namespace burrow::worker {
namespace {

class HotStartTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string source = temporary_ / "source";
    std::filesystem::create_directories(source);
    ASSERT_TRUE(os::WriteFileAtomically(source + "/a", "content of a"));
    ASSERT_TRUE(os::WriteFileAtomically(source + "/b", "content of b"));
    auto disk = cas::DiskBlobStore::Open(cas::CacheLayout(temporary_ / "cache").Blobs()).value();
    index_ = image::PutIndex(image::ImportDirectory(source, *disk, nullptr).value(), *disk).value();
    cache_ = cas::BlobCache::Open(temporary_ / "cache", &remote_).value();
    prefetcher_.emplace(PrefetcherOptions{.cache = cache_.get(), .remote = &remote_});
    services_ = {.io = &io_,
                 .pool = &pool_,
                 .prefetcher = &*prefetcher_,
                 .accesses = accesses_.get(),
                 .blob_directories = {cas::CacheLayout(temporary_ / "cache").Blobs()},
                 .send = [this](auto message) { said_.push_back(std::move(message)); }};
    request_.set_container_id("ct-1");
    request_.mutable_spec()->mutable_image()->set_index_digest(index_.Hex());
  }
  void AddHot(const cas::Digest& digest, uint64_t size) {
    auto& blob = *request_.mutable_hot_set()->add_blobs();
    blob.set_digest(digest.bytes().data(), digest.bytes().size());
    blob.set_size(size);
  }
  bool RunUntilSaid() {
    auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (said_.empty() && std::chrono::steady_clock::now() < until) {
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(100));
    }
    return !said_.empty();
  }

  cas::testing::TemporaryDirectory temporary_;
  net::IoContext io_{1};
  net::BlockingPool pool_{2};
  cas::testing::MemoryBlobStore remote_;
  cas::Digest index_;
  std::unique_ptr<cas::BlobCache> cache_;
  std::shared_ptr<imagefs::AccessLog> accesses_ = imagefs::AccessLog::Create().value();
  std::optional<Prefetcher> prefetcher_;
  ContainerServices services_;
  burrow::link::v1::StartContainer request_;
  std::vector<burrow::link::v1::FromWorker> said_;
};

TEST_F(HotStartTest, TellsWhatOfTheImageWasReadInOrder) {
  request_.set_record(true);
  HotStart start(services_, request_);
  ASSERT_EQ(start.token().size(), imagefs::kTokenBytes);
  accesses_->Note({.blob = cas::Digest::Of("of another image")});
  accesses_->Note({.blob = cas::Digest::Of("content of b")});
  accesses_->Note({.blob = cas::Digest::Of("content of a")}, start.token());
  start.Ready();
  accesses_->Note({.blob = cas::Digest::Of("too late")});
  ASSERT_TRUE(RunUntilSaid());
  const auto& trace = said_[0].trace();
  EXPECT_EQ(trace.container_id(), "ct-1");
  EXPECT_EQ(trace.index_digest(), index_.Hex());
  ASSERT_EQ(trace.reads().blobs_size(), 2);
  auto b = cas::Digest::Of("content of b");
  EXPECT_EQ(trace.reads().blobs(0).digest(), std::string(b.bytes().begin(), b.bytes().end()));
  EXPECT_EQ(trace.reads().blobs(0).size(), 12u);
}

TEST_F(HotStartTest, RecordsOnlyWhatIsAskedForAndFreesARecordingThatWasNeverReady) {
  EXPECT_EQ(HotStart(services_, request_).token(), "");
  request_.set_record(true);
  for (size_t i = 0; i < 2 * imagefs::kMaxRecordings; ++i) EXPECT_NE(HotStart(services_, request_).token(), "");
}

TEST_F(HotStartTest, FetchesTheHotSetAhead) {
  cas::Digest hot = remote_.Add("hot");
  AddHot(hot, 3);
  request_.mutable_hot_set()->add_blobs()->set_digest("malformed");
  HotStart start(services_, request_);
  auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!cache_->Has(hot) && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_TRUE(cache_->Has(hot));
  EXPECT_TRUE(remote_.asked().empty());
}

TEST_F(HotStartTest, SharesThePrefetchOfTwoContainersWithOneHotSet) {
  for (int i = 0; i < 50; ++i) AddHot(remote_.Add("hot " + std::to_string(i)), 10);
  {
    HotStart one(services_, request_);
    request_.set_container_id("ct-2");
    HotStart two(services_, request_);
    auto last = cas::Digest::Of("hot 49");
    auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!cache_->Has(last) && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    EXPECT_TRUE(cache_->Has(last));
  }
  prefetcher_.reset();
  EXPECT_EQ(remote_.bundles().size(), 1u);
}

}  // namespace
}  // namespace burrow::worker

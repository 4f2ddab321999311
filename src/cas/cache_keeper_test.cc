#include "cas/cache_keeper.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "cas/blob_cache.h"
#include "cas/blob_path.h"
#include "cas/cache_directory.h"
#include "cas/testing/late_clock.h"
#include "cas/testing/memory_blob_store.h"
#include "cas/testing/temporary_directory.h"
#include "os/mount.h"

namespace burrow::cas {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLong{60'000};
constexpr uint64_t kMib = 1u << 20;

// An hour ahead of the files' own clock, so that nothing is young.
class CacheKeeperTest : public ::testing::Test {
 protected:
  void Open(const std::string& directory, uint64_t quota_mib, const Clock* clock, uint64_t free_bytes = 1) {
    directory_of_cache_ = directory;
    keeper_ = CacheKeeper::Open({.directory = directory,
                                 .signals = signals_,
                                 .quota_bytes = quota_mib * kMib,
                                 .free_bytes = free_bytes,
                                 .blobs_of_image = [this](const Digest& index) { return BlobsOf(index); },
                                 .clock = clock})
                  .value();
    cache_ = BlobCache::Open({.directory = directory,
                              .remote = &remote_,
                              .signals = signals_,
                              .overflow_directory = temporary_ / "overflow",
                              .overflow_stay = milliseconds(200)})
                 .value();
  }
  Result<std::vector<Digest>> BlobsOf(const Digest& index) {
    std::lock_guard lock(mutex_);
    auto at = images_.find(index);
    if (at == images_.end()) return Fail(Code::kNotFound, "the index is not here");
    ++listed_;
    return at->second;
  }
  // One mebibyte of its own.
  Digest Add(char name) { return remote_.Add(std::string(kMib, name)); }
  Digest AddAndFetch(char name) {
    Digest digest = Add(name);
    EXPECT_TRUE(cache_->OpenBlob(digest));
    EXPECT_TRUE(cache_->Link(digest));
    return digest;
  }
  Digest Image(const std::string& name, std::vector<Digest> blobs) {
    std::lock_guard lock(mutex_);
    images_[Digest::Of(name)] = std::move(blobs);
    return Digest::Of(name);
  }
  bool Linked(const Digest& digest) {
    return std::filesystem::exists(CacheLayout(directory_of_cache_).Linked() + "/" + BlobPath(digest));
  }

  testing::TemporaryDirectory temporary_;
  std::string directory_of_cache_;
  std::mutex mutex_;
  std::map<Digest, std::vector<Digest>> images_;
  int listed_ = 0;  // guarded by mutex_
  testing::MemoryBlobStore remote_;
  testing::LateClock late_;
  SystemClock now_;
  std::shared_ptr<CacheSignals> signals_ = CacheSignals::Create().value();
  std::unique_ptr<CacheKeeper> keeper_;
  std::unique_ptr<BlobCache> cache_;
};

TEST_F(CacheKeeperTest, StaysWithinItsQuotaAndSparesLeases) {
  Open(temporary_ / "cache", 8, &late_);
  Digest held = AddAndFetch('h');
  CacheLease lease = keeper_->LeaseImage(Image("image", {held})).value();
  for (char name = 'A'; name < 'A' + 20; ++name) AddAndFetch(name);
  ASSERT_TRUE(signals_->MakeRoom(1, kLong));
  EXPECT_TRUE(cache_->Has(held));
  EXPECT_TRUE(Linked(held));
  EXPECT_FALSE(cache_->Has(Digest::Of(std::string(kMib, 'A'))));
  EXPECT_FALSE(Linked(Digest::Of(std::string(kMib, 'A'))));
  EXPECT_LE(keeper_->used_bytes(), 8 * kMib);
  EXPECT_GE(signals_->counters().evicted_blobs, 13u);
}

TEST_F(CacheKeeperTest, IsWokenByTheFetchThatPassesTheQuota) {
  Open(temporary_ / "cache", 4, &late_);
  ASSERT_TRUE(signals_->MakeRoom(1, kLong));  // the first count is over
  for (char name = 'A'; name < 'A' + 12; ++name) AddAndFetch(name);
  while (signals_->counters().evicted_blobs == 0) std::this_thread::yield();
}

TEST_F(CacheKeeperTest, LetsGoOfALeasedImageOnceItIsReleased) {
  Open(temporary_ / "cache", 100, &late_);
  Digest held = AddAndFetch('h');
  CacheLease lease = keeper_->LeaseImage(Image("image", {held})).value();
  CacheLease blobs = keeper_->LeaseBlobs({held});
  ASSERT_TRUE(signals_->MakeRoom(100 * kMib, kLong));
  EXPECT_TRUE(cache_->Has(held));
  lease = CacheLease();
  ASSERT_TRUE(signals_->MakeRoom(100 * kMib, kLong));
  EXPECT_TRUE(cache_->Has(held));
  blobs = CacheLease();
  ASSERT_TRUE(signals_->MakeRoom(100 * kMib, kLong));
  EXPECT_FALSE(cache_->Has(held));
}

TEST_F(CacheKeeperTest, KeepsWhatCameAMomentAgo) {
  Open(temporary_ / "cache", 1, &now_);
  Digest digest = AddAndFetch('y');
  ASSERT_TRUE(signals_->MakeRoom(100 * kMib, kLong));
  EXPECT_TRUE(cache_->Has(digest));
}

TEST_F(CacheKeeperTest, EvictsTheImageThatWasUsedTheLongestTimeAgoAlsoAfterARestart) {
  Open(temporary_ / "cache", 100, &late_);
  Digest first = AddAndFetch('1'), second = AddAndFetch('2'), third = AddAndFetch('3');
  Digest one = Image("one", {first}), two = Image("two", {second}), three = Image("three", {third});
  for (const Digest& image : {two, three, one}) {
    ASSERT_TRUE(keeper_->LeaseImage(image));
    uint64_t then = late_.UnixMillis();
    while (late_.UnixMillis() < then + 2) std::this_thread::yield();
  }
  keeper_.reset();
  Open(temporary_ / "cache", 2, &late_);
  while (cache_->Has(third)) std::this_thread::yield();  // a twentieth more than needed goes: two
  EXPECT_TRUE(cache_->Has(first));
  EXPECT_FALSE(cache_->Has(second));
}

TEST_F(CacheKeeperTest, ListsAnImageOnceForLeasesAfterOneAnother) {
  Open(temporary_ / "cache", 100, &late_);
  const Digest image = Image("one", {AddAndFetch('1')});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(keeper_->LeaseImage(image));
  EXPECT_EQ(listed_, 1);
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(keeper_->LeaseImage(Image("other " + std::to_string(i), {})));
  ASSERT_TRUE(keeper_->LeaseImage(image));
  EXPECT_EQ(listed_, 1 + 16 + 1) << "sixteen are remembered";
}

TEST_F(CacheKeeperTest, FailsALeaseOfAnImageThatIsNotHere) {
  Open(temporary_ / "cache", 100, &late_);
  EXPECT_EQ(keeper_->LeaseImage(Digest::Of("unknown")).error().code(), Code::kNotFound);
}

TEST_F(CacheKeeperTest, DropsWhatAPowerFailureMayHaveCut) {
  Open(temporary_ / "cache", 100, &now_);
  Digest before = AddAndFetch('b');
  keeper_.reset();
  CacheLayout layout(temporary_ / "cache");
  EXPECT_EQ(DropUnsynced(layout).value(), 0u);  // the same life of the machine
  auto at = std::filesystem::file_time_type::clock::now() + std::chrono::hours(1);
  ASSERT_TRUE(SyncCache(layout));
  // As of another boot, synced when everything up to an hour from now was on the disk.
  std::ofstream(layout.root + "/synced") << "another boot\n" << late_.UnixMillis() << "\n";
  Digest after = AddAndFetch('a');
  std::filesystem::last_write_time(layout.Blobs() + "/" + BlobPath(after), at + std::chrono::hours(1));
  EXPECT_EQ(DropUnsynced(layout).value(), 1u);
  EXPECT_TRUE(cache_->Has(before));
  EXPECT_FALSE(cache_->Has(after));
  EXPECT_FALSE(Linked(after));
}

// A filesystem of 8 MiB for the cache, one of 4 MiB for what overflows.
class FullDiskTest : public CacheKeeperTest {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(temporary_ / "disk");
    std::filesystem::create_directories(temporary_ / "overflow");
    auto disk = os::MountTmpfs(temporary_ / "disk", 8 * kMib);
    auto overflow = os::MountTmpfs(temporary_ / "overflow", 4 * kMib);
    if (!disk || !overflow) GTEST_SKIP() << "needs root to mount a tmpfs";
    disk_ = std::move(*disk);
    overflow_ = std::move(*overflow);
  }
  os::Mount disk_, overflow_;
};

TEST_F(FullDiskTest, EvictsForAFetchThatFindsNoRoom) {
  Open(temporary_ / "disk/cache", 1'000, &late_);
  for (char name = 'A'; name < 'A' + 26; ++name) AddAndFetch(name);
  EXPECT_EQ(signals_->counters().failed_fetches, 0u);
  EXPECT_EQ(signals_->counters().uncached_bytes, 0u);
  EXPECT_GE(signals_->counters().evicted_blobs, 18u);
}

TEST_F(FullDiskTest, ServesFromMemoryWhatNothingCanBeEvictedFor) {
  Open(temporary_ / "disk/cache", 1'000, &now_);
  for (char name = 'A'; name < 'A' + 10; ++name) {
    Digest digest = Add(name);
    ASSERT_EQ(cache_->Read(digest, 2 * kMib).value(), std::string(kMib, name));
    EXPECT_TRUE(cache_->Has(digest));
  }
  EXPECT_GE(signals_->counters().uncached_bytes, 2 * kMib);
  // An overlay finds them there.
  EXPECT_TRUE(std::filesystem::exists(temporary_ / ("overflow/" + BlobPath(Digest::Of(std::string(kMib, 'J'))))));
}

TEST_F(FullDiskTest, WaitsForRoomInMemoryRatherThanThatAReaderFails) {
  Open(temporary_ / "disk/cache", 1'000, &now_);
  for (char name = 'A'; name < 'A' + 20; ++name) {
    ASSERT_EQ(cache_->Read(Add(name), 2 * kMib).value(), std::string(kMib, name));
  }
  EXPECT_GE(signals_->counters().uncached_bytes, 12 * kMib);
  EXPECT_EQ(signals_->counters().failed_fetches, 0u);
}

TEST_F(FullDiskTest, SaysSoWhenMemoryIsFullToo) {
  Open(temporary_ / "disk/cache", 1'000, &now_);
  Digest large = remote_.Add(std::string(9 * kMib, 'x'));
  EXPECT_EQ(cache_->OpenBlob(large).error().code(), Code::kResourceExhausted);
  EXPECT_EQ(signals_->counters().failed_fetches, 1u);
  EXPECT_TRUE(cache_->OpenBlob(Add('s')));
}

TEST_F(FullDiskTest, StartsOnADiskThatIsFull) {
  Open(temporary_ / "disk/cache", 1'000, &late_);
  for (char name = 'A'; name < 'A' + 7; ++name) AddAndFetch(name);
  cache_.reset();
  keeper_.reset();
  std::ofstream filler(temporary_ / "disk/filler");
  while (filler.write(std::string(4096, 'f').data(), 4096).flush()) {
  }
  Open(temporary_ / "disk/cache", 1'000, &late_);
  AddAndFetch('z');
}

}  // namespace
}  // namespace burrow::cas

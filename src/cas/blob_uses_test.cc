#include "cas/blob_uses.h"

#include <gtest/gtest.h>

#include <future>

#include "cas/disk_blob_store.h"
#include "cas/guarded_blob_store.h"
#include "cas/testing/temporary_directory.h"

namespace burrow::cas {
namespace {

class FakeClock final : public Clock {
 public:
  SteadyTime Now() const override { return {}; }
  uint64_t UnixMillis() const override { return now; }
  uint64_t now = 1'700'000'000'000;
};

constexpr Millis kGrace(80'000);

class BlobUsesTest : public ::testing::Test {
 protected:
  void Open() { uses_ = BlobUses::Open(directory_ / "uses", clock_, kGrace).value(); }
  std::vector<Digest> Removable(const Digest& digest) {
    auto free = uses_->BeginRemoval(std::vector{digest});
    uses_->EndRemoval();
    return free;
  }

  testing::TemporaryDirectory directory_;
  FakeClock clock_;
  std::unique_ptr<BlobUses> uses_;
  Digest a_ = Digest::Of("a"), b_ = Digest::Of("b");
};

TEST_F(BlobUsesTest, ProtectsWhatWasUsedForTheGrace) {
  Open();
  ASSERT_TRUE(uses_->Record(std::vector{a_}));
  EXPECT_EQ(Removable(b_), std::vector{b_});
  clock_.now += 79'000;
  ASSERT_TRUE(uses_->Record(std::vector{b_}));
  EXPECT_TRUE(Removable(a_).empty());
  clock_.now += 82'000;
  EXPECT_EQ(Removable(a_), std::vector{a_});
}

TEST_F(BlobUsesTest, RemembersUsesOverAStart) {
  Open();
  ASSERT_TRUE(uses_->Record(std::vector{a_}));
  uses_.reset();
  clock_.now += 60'000;
  Open();
  EXPECT_TRUE(Removable(a_).empty());
  clock_.now += 40'000;
  EXPECT_EQ(Removable(a_), std::vector{a_});
  uses_.reset();
  Open();
  EXPECT_EQ(Removable(a_), std::vector{a_});
}

TEST_F(BlobUsesTest, ProtectsWhatIsHeld) {
  Open();
  {
    auto hold = uses_->Keep(std::vector{a_});
    auto again = uses_->Keep(std::vector{a_, b_});
    EXPECT_TRUE(Removable(a_).empty());
  }
  EXPECT_EQ(Removable(a_), std::vector{a_});
}

TEST_F(BlobUsesTest, LetsAnUploadWaitForARemovalThatRuns) {
  Open();
  auto disk = DiskBlobStore::Open(directory_ / "blobs").value();
  auto store = NewGuardedBlobStore(*disk, *uses_);
  ASSERT_TRUE(disk->Put(a_, "a"));
  ASSERT_EQ(uses_->BeginRemoval(std::vector{a_}), std::vector{a_});
  auto asked = std::async(std::launch::async, [&] { return store->Missing({a_}).value(); });
  auto put = std::async(std::launch::async, [&] { return store->Put(b_, "b"); });
  EXPECT_TRUE(put.get()) << "others go on";
  ASSERT_TRUE(disk->Remove(a_));
  uses_->EndRemoval();
  EXPECT_EQ(asked.get(), std::vector{a_}) << "it says that the blob has gone";
  ASSERT_TRUE(store->Put(a_, "a"));
  EXPECT_TRUE(Removable(a_).empty());
}

}  // namespace
}  // namespace burrow::cas

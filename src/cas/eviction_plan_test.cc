#include "cas/eviction_plan.h"

#include <gtest/gtest.h>

#include <fstream>

#include "cas/testing/temporary_directory.h"
#include "cas/use_journal.h"

namespace burrow::cas {
namespace {

constexpr int64_t kNow = 10'000'000;

Digest D(const std::string& name) { return Digest::Of(name); }
CachedBlob Blob(const std::string& name, int64_t changed_ms, uint64_t bytes = 100) {
  return {.digest = D(name), .bytes = bytes, .changed_ms = changed_ms};
}
std::vector<Digest> Names(const std::vector<CachedBlob>& blobs) {
  std::vector<Digest> names;
  for (const CachedBlob& blob : blobs) names.push_back(blob.digest);
  return names;
}

TEST(EvictionPlan, TakesWhatWasStoredFirstUntilThereIsRoom) {
  std::vector<CachedBlob> blobs = {Blob("new", 3'000), Blob("old", 1'000), Blob("middle", 2'000)};
  BeginUses(blobs);
  EXPECT_EQ(Names(PlanEviction(blobs, kNow, 150)), (std::vector{D("old"), D("middle")}));
}

TEST(EvictionPlan, CountsTheLatestUseOfAnyImageThatHasABlob) {
  std::vector<CachedBlob> blobs = {Blob("shared", 1'000), Blob("mine", 1'000), Blob("alone", 2'000)};
  BeginUses(blobs);
  ApplyUse(blobs, {D("first"), 5'000}, {D("shared"), D("mine")});
  ApplyUse(blobs, {D("second"), 9'000}, {D("shared"), D("not here")});
  EXPECT_EQ(Names(PlanEviction(blobs, kNow, 1'000)), (std::vector{D("alone"), D("mine"), D("shared")}));
}

TEST(EvictionPlan, KeepsAnIndexAsLongAsItsBlobs) {
  std::vector<CachedBlob> blobs = {Blob("index", 1'000), Blob("a", 1'000), Blob("b", 1'000)};
  BeginUses(blobs);
  ApplyUse(blobs, {D("index"), 5'000}, {D("a"), D("b")});
  EXPECT_EQ(PlanEviction(blobs, kNow, 1'000).back().digest, D("index"));
}

TEST(EvictionPlan, NeverTakesWhatCameAMomentAgo) {
  std::vector<CachedBlob> blobs = {Blob("young", kNow - kYoungMs + 1), Blob("old", kNow - kYoungMs),
                                   Blob("of a clock set back", kNow + 100 * kYoungMs)};
  BeginUses(blobs);
  EXPECT_EQ(Names(PlanEviction(blobs, kNow, 1'000)), (std::vector{D("old"), D("of a clock set back")}));
}

TEST(UseJournal, RemembersTheLatestUseOfEachImageOverRestarts) {
  testing::TemporaryDirectory directory;
  {
    auto journal = UseJournal::Open(directory / "uses").value();
    journal.Note({D("a"), 1});
    journal.Note({D("b"), 2});
    journal.Note({D("a"), 3});
  }
  auto uses = UseJournal::Open(directory / "uses").value().Uses();
  ASSERT_EQ(uses.size(), 2u);
  EXPECT_EQ(uses[0].index, D("a"));
  EXPECT_EQ(uses[0].used_ms, 3);
  EXPECT_EQ(uses[1].index, D("b"));
}

TEST(UseJournal, PassesOverLinesThatWereCutOrDamaged) {
  testing::TemporaryDirectory directory;
  std::ofstream(directory / "uses") << D("a").Hex() << " 7\n"
                                    << "nonsense\n"
                                    << D("b").Hex() << " x\n"
                                    << D("c").Hex() << " 12";
  auto uses = UseJournal::Open(directory / "uses").value().Uses();
  ASSERT_EQ(uses.size(), 1u);
  EXPECT_EQ(uses[0].index, D("a"));
}

}  // namespace
}  // namespace burrow::cas

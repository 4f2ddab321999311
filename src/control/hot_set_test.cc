#include "control/hot_set.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <string>
#include <vector>

#include "image/tree.h"

namespace burrow::control {
namespace {

lpb::HotSet Trace(const std::string& names) {
  lpb::HotSet trace;
  for (char name : names) {
    auto* blob = trace.add_blobs();
    blob->set_digest(std::string(32, name));
    blob->set_size(static_cast<uint64_t>(name));
  }
  return trace;
}
std::string Names(const lpb::RecordedHotSet& set) {
  std::string names;
  for (const auto& blob : set.blobs()) names += blob.digest()[0];
  return names;
}
lpb::RecordedHotSet Merged(const std::vector<std::string>& traces) {
  lpb::RecordedHotSet set;
  for (const auto& trace : traces) set = MergeTrace(set, Trace(trace));
  return set;
}

TEST(HotSet, IsTheFirstTraceAsItWasRead) {
  auto set = Merged({"cabac"});
  EXPECT_EQ(Names(set), "cab");
  EXPECT_EQ(set.blobs(0).size(), static_cast<uint64_t>('c'));
  EXPECT_EQ(set.recordings(), 1u);
}

TEST(HotSet, PutsWhatIsNewBehindWhatWasReadBeforeIt) {
  EXPECT_EQ(Names(Merged({"abcd", "abxycd"})), "abxycd");
  EXPECT_EQ(Names(Merged({"abcd", "xabcdy"})), "xabcdy");
  EXPECT_EQ(Names(Merged({"abcd", "dcba"})), "abcd");
}

TEST(HotSet, HasTheFramesThatAnyRecordingSaw) {
  lpb::HotSet trace = Trace("a");
  auto& blob = *trace.mutable_blobs(0);
  blob.set_size(20u << 20);
  for (uint32_t frame : {7, 2}) blob.add_frames(frame);
  lpb::RecordedHotSet set = MergeTrace({}, trace);
  blob.clear_frames();
  for (uint32_t frame : {2, 9, 20}) blob.add_frames(frame);  // the last one is none: there are 20
  set = MergeTrace(set, trace);
  const auto& frames = set.blobs(0).frames();
  EXPECT_EQ(std::vector<uint32_t>(frames.begin(), frames.end()), (std::vector<uint32_t>{7, 2, 9}));
}

TEST(HotSet, ForgetsWhatRecordingsDoNotSeeAnyMore) {
  EXPECT_EQ(Names(Merged({"abcx", "abc", "abc", "abc", "abc"})), "abcx");
  EXPECT_EQ(Names(Merged({"abcx", "abc", "abc", "abc", "abc", "abc"})), "abc");
}

TEST(HotSet, LearnsNothingAboutTheRestFromARecordingThatSawLittle) {
  std::vector<std::string> traces = {"abcdef"};
  for (int i = 0; i < 20; ++i) traces.emplace_back("ag");
  auto set = Merged(traces);
  EXPECT_EQ(Names(set), "agbcdef");
  EXPECT_EQ(set.recordings(), 1u);
}

TEST(HotSet, OfAnotherImageIsWhatThisOneHoldsOfIt) {
  std::array<uint8_t, 32> digest;
  image::Tree tree;
  for (char name : std::string("dbx")) {
    digest.fill(static_cast<uint8_t>(name));
    auto node = std::make_unique<image::TreeNode>();
    node->inode = std::make_shared<image::TreeInode>(
        image::TreeInode{.mode = S_IFREG | 0644, .size = 1, .digest = cas::Digest(digest)});
    tree.root().children[std::string(1, name)] = std::move(node);
  }
  const std::string bytes = tree.Encode().value();
  auto index = image::Index::Open({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  ASSERT_TRUE(index) << index.error().message();
  auto set = InheritedSet(Merged({"abcd", "abcd"}), *index);
  EXPECT_EQ(Names(set), "bd");
  EXPECT_EQ(set.recordings(), 0u);
  EXPECT_TRUE(ShouldRecord(set, 0));
}

TEST(HotSet, ThatWasInheritedIsForgottenWhereNoRecordingSeesIt) {
  lpb::RecordedHotSet set = Merged({"abcdef"});
  set.set_recordings(0);
  set.clear_last_seen();
  set = MergeTrace(set, Trace("ag"));
  EXPECT_EQ(set.recordings(), 1u);
  EXPECT_EQ(Names(set), "agbcdef");
  for (int i = 0; i < 4; ++i) set = MergeTrace(set, Trace("agbc"));
  EXPECT_EQ(Names(set), "agbc");
}

TEST(HotSet, IsBoundedAndTakesNoMalformedDigests) {
  lpb::HotSet trace;
  trace.add_blobs()->set_digest("short");
  for (size_t i = 0; i < kMaxHotBlobs + 100; ++i) {
    std::string digest = std::to_string(i);
    digest.resize(32, '.');
    trace.add_blobs()->set_digest(digest);
  }
  EXPECT_EQ(static_cast<size_t>(MergeTrace({}, trace).blobs_size()), kMaxHotBlobs);
}

TEST(HotSet, IsRecordedAtFirstAndNowAndThen) {
  EXPECT_TRUE(ShouldRecord({}, 0));
  auto set = Merged({"ab", "ab", "ab"});
  EXPECT_FALSE(ShouldRecord(set, 1));
  EXPECT_TRUE(ShouldRecord(set, kRecordEvery));
}

}  // namespace
}  // namespace burrow::control

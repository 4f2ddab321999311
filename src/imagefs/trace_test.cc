#include "imagefs/trace.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "cas/frames.h"
#include "image/testing/describe.h"
#include "image/tree.h"

namespace burrow::imagefs {
namespace {

constexpr uint64_t kLarge = 5 * cas::kFrameSize + 1;  // six frames

cas::Digest Blob(const std::string& name) { return cas::Digest::Of(name); }

void AddFile(image::Tree& tree, const std::string& name, const image::TreeInode& inode) {
  auto& child = tree.root().children[name];
  child = std::make_unique<image::TreeNode>();
  child->inode = std::make_shared<image::TreeInode>(inode);
}

std::vector<cas::HotBlob> OfImage(const std::vector<Access>& accesses) {
  image::Tree tree;
  AddFile(tree, "small", {.mode = S_IFREG | 0644, .size = 5, .digest = Blob("small")});
  AddFile(tree, "large",
          {.mode = S_IFREG | 0644, .size = kLarge, .digest = Blob("large"), .frames = Blob("its frame table")});
  const std::string bytes = tree.Encode().value();
  return HotBlobsOf(accesses, image::Index::Open(image::testing::AsBytes(bytes)).value());
}

TEST(HotBlobsOf, AreFilesOfTheImageInTheOrderOfTheirFirstReads) {
  const auto blobs = OfImage({{Blob("large")}, {Blob("of another image")}, {Blob("small")}});
  EXPECT_EQ(blobs, (std::vector<cas::HotBlob>{{.digest = Blob("large"), .size = kLarge},
                                              {.digest = Blob("small"), .size = 5}}));
}

TEST(HotBlobsOf, HaveTheFramesThatWereReadOfThem) {
  const auto blobs = OfImage({{Blob("large")}, {Blob("large"), 5}, {Blob("small")}, {Blob("large"), 0}});
  ASSERT_EQ(blobs.size(), 2u);
  EXPECT_EQ(blobs[0].frames, (std::vector<uint32_t>{5, 0}));
}

TEST(HotBlobsOf, LeaveOutFramesOfFilesThatNobodyAskedForAndThoseBeyondTheEnd) {
  EXPECT_TRUE(OfImage({{Blob("large"), 1}}).empty());
  EXPECT_TRUE(OfImage({{Blob("large")}, {Blob("large"), 6}}).at(0).frames.empty());
}

}  // namespace
}  // namespace burrow::imagefs

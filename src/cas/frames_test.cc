#include "cas/frames.h"

#include <gtest/gtest.h>

namespace burrow::cas {
namespace {

std::string Content(uint64_t size) {
  std::string content(size, '\0');
  for (uint64_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 7 + i / kFrameSize);
  return content;
}

TEST(FrameHasher, NamesEachFrameWhateverThePiecesAre) {
  std::string content = Content(2 * kFrameSize + 17);
  for (size_t piece : {size_t{4097}, size_t{kFrameSize}, content.size()}) {
    FrameHasher hasher;
    for (size_t at = 0; at < content.size(); at += piece) hasher.Update(std::string_view(content).substr(at, piece));
    std::string table = hasher.Finish();
    ASSERT_EQ(table.size(), FrameTableBytes(content.size()));
    for (uint64_t frame = 0; frame < 3; ++frame) {
      EXPECT_EQ(FrameDigest(table, frame), Digest::Of(content.substr(frame * kFrameSize, kFrameSize))) << frame;
    }
    EXPECT_FALSE(FrameDigest(table, 3));
  }
}

TEST(FrameHasher, MakesNoEmptyLastFrame) {
  FrameHasher hasher;
  hasher.Update(Content(kFrameSize));
  EXPECT_EQ(hasher.Finish().size(), Digest::kSize);
  EXPECT_EQ(FrameCount(0), 0u);
  EXPECT_EQ(FrameCount(kFrameSize), 1u);
  EXPECT_EQ(FrameCount(kFrameSize + 1), 2u);
  EXPECT_EQ(FrameHasher().Finish(), "");
}

}  // namespace
}  // namespace burrow::cas

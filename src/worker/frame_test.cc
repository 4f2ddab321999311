#include "worker/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace burrow::worker {
namespace {

void Feed(FrameDecoder& decoder, std::string_view bytes) {
  while (!bytes.empty()) {
    auto space = decoder.Space();
    size_t taken = std::min(space.size(), bytes.size());
    std::copy_n(bytes.data(), taken, space.data());
    decoder.Commit(taken);
    bytes.remove_prefix(taken);
  }
}

std::string Encoded(const std::string& header, const std::string& body) {
  return EncodeFrameHead(header, body.size()) + body;
}

TEST(FrameDecoder, GivesWholeFramesWhateverThePiecesInWhichTheyCome) {
  std::string stream = Encoded("{}", "body") + Encoded("", "") + Encoded("{\"t\":1}", std::string(300'000, 'x'));
  for (size_t piece : {size_t{1}, size_t{7}, size_t{4096}, stream.size()}) {
    FrameDecoder decoder;
    std::vector<Frame> frames;
    for (size_t at = 0; at < stream.size(); at += piece) {
      Feed(decoder, std::string_view(stream).substr(at, piece));
      while (true) {
        auto next = decoder.Next();
        ASSERT_TRUE(next);
        if (!next->has_value()) break;
        frames.push_back(std::move(**next));
      }
    }
    ASSERT_EQ(frames.size(), 3u) << piece;
    EXPECT_EQ(frames[0].body, "body");
    EXPECT_EQ(frames[2].header, "{\"t\":1}");
    EXPECT_EQ(frames[2].body.size(), 300'000u);
    EXPECT_FALSE(decoder.mid_frame());
  }
}

TEST(FrameDecoder, GivesALargeBodyByPieces) {
  const std::string body = std::string(kMaxBodyInMemory, 'x') + "end";
  const std::string stream = Encoded("{}", body) + Encoded("{\"t\":1}", "after");
  for (size_t piece : {size_t{1}, size_t{4096}, stream.size()}) {
    FrameDecoder decoder;
    std::vector<Frame> frames;
    std::string taken;
    for (size_t at = 0; at < stream.size(); at += piece) {
      Feed(decoder, std::string_view(stream).substr(at, piece));
      while (true) {
        taken += decoder.TakeBody();
        if (decoder.body_left() > 0) break;
        auto next = decoder.Next();
        ASSERT_TRUE(next);
        if (!next->has_value()) break;
        frames.push_back(std::move(**next));
      }
    }
    ASSERT_EQ(frames.size(), 2u) << piece;
    EXPECT_EQ(frames[0].body, "");
    EXPECT_EQ(frames[0].body_size, body.size());
    EXPECT_EQ(taken, body);
    EXPECT_EQ(frames[1].body, "after");
    EXPECT_FALSE(decoder.mid_frame());
  }
}

TEST(FrameDecoder, RefusesLengthsOverTheirBounds) {
  for (const std::string& prefix :
       {std::string("\x01\0\x10\0\0\0\0\0", 8), std::string("\0\0\0\0\x01\0\0\x80", 8), std::string(8, '\xff')}) {
    FrameDecoder decoder;
    Feed(decoder, prefix);
    auto next = decoder.Next();
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code(), Code::kDataLoss);
  }
}

TEST(FrameDecoder, TakesNoMemoryForWhatALengthOnlyClaims) {
  FrameDecoder decoder;
  Feed(decoder, EncodeFrameHead("{}", kMaxBodyInMemory));
  auto next = decoder.Next();
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->has_value());
  EXPECT_LE(decoder.Space().size(), 1u << 20);
  FrameDecoder large;
  Feed(large, EncodeFrameHead("{}", kMaxFrameBody));
  ASSERT_TRUE(large.Next()->has_value());
  EXPECT_LE(large.Space().size(), 1u << 20);
}

}  // namespace
}  // namespace burrow::worker

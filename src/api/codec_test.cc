#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/answer.h"
#include "api/byte_range.h"
#include "api/connect_codec.h"

namespace burrow::api {
namespace {

using Kind = ByteRange::Kind;

TEST(ByteRange, CutsRangesToTheSize) {
  auto range = ParseRange("bytes=5-100", 10);
  EXPECT_EQ(range.kind, Kind::kPart);
  EXPECT_EQ(range.offset, 5u);
  EXPECT_EQ(range.length, 5u);
  EXPECT_EQ(ParseRange("bytes=-100", 10).length, 10u);
  EXPECT_EQ(ParseRange("bytes=0-18446744073709551615", 10).length, 10u);
}

TEST(ByteRange, KnowsWhatCannotBeSatisfied) {
  EXPECT_EQ(ParseRange("bytes=10-11", 10).kind, Kind::kUnsatisfiable);
  EXPECT_EQ(ParseRange("bytes=0-", 0).kind, Kind::kUnsatisfiable);
  EXPECT_EQ(ParseRange("bytes=-0", 10).kind, Kind::kUnsatisfiable);
  EXPECT_EQ(ParseRange("bytes=-5", 0).kind, Kind::kUnsatisfiable);
}

TEST(ByteRange, IgnoresWhatIsNoSingleRange) {
  for (const char* header : {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "bytes=1-2,3-4", "lines=1-2",
                             "bytes=1", "bytes=99999999999999999999-"}) {
    auto range = ParseRange(header, 10);
    EXPECT_EQ(range.kind, Kind::kWhole) << header;
    EXPECT_EQ(range.length, 10u) << header;
  }
}

TEST(ConnectCodec, KnowsItsContentTypes) {
  auto kind = ParseContentType("Application/JSON; charset=utf-8");
  ASSERT_TRUE(kind);
  EXPECT_EQ(kind->encoding, Encoding::kJson);
  EXPECT_EQ(kind->framing, Framing::kUnary);
  EXPECT_EQ(ParseContentType("application/connect+proto")->framing, Framing::kStream);
  EXPECT_FALSE(ParseContentType("application/grpc"));
  EXPECT_FALSE(ParseContentType(""));
}

TEST(ConnectCodec, OpensTheEnvelopesItMakes) {
  EXPECT_EQ(*OpenEnvelope(MakeEnvelope(0, "payload")), "payload");
  EXPECT_EQ(*OpenEnvelope(MakeEnvelope(0, "")), "");
  EXPECT_EQ(OpenEnvelope(MakeEnvelope(1, "")).error().code(), Code::kUnimplemented);
  EXPECT_FALSE(OpenEnvelope(MakeEnvelope(0, "payload").substr(0, 8)));
  EXPECT_FALSE(OpenEnvelope(std::string("\0\xff\xff\xff\xff", 5)));
}

TEST(ConnectCodec, ReadsTimeouts) {
  EXPECT_EQ(ParseTimeout("1500").value(), std::chrono::milliseconds(1500));
  EXPECT_FALSE(ParseTimeout("").value().has_value());
  for (const char* bad : {"-1", "1.5", "12345678901", "1 ", "x"}) EXPECT_FALSE(ParseTimeout(bad)) << bad;
}

TEST(Answer, AWaitIsRoundedUpToWholeSeconds) {
  EXPECT_EQ(RetryAfterSeconds(std::chrono::milliseconds(0)), "1");
  EXPECT_EQ(RetryAfterSeconds(std::chrono::milliseconds(1'000)), "1");
  EXPECT_EQ(RetryAfterSeconds(std::chrono::milliseconds(1'001)), "2");
}

}  // namespace
}  // namespace burrow::api

#include "cas/pack.h"

#include <gtest/gtest.h>

#include "cas/pack_footer.h"

namespace burrow::cas {
namespace {

struct Seen {
  std::vector<std::string> blobs;
  std::vector<Digest> absent, damaged;

  PackEvents Events() {
    return {.blob = [this](const Digest& digest, std::string_view data) -> Status {
              EXPECT_EQ(Digest::Of(data), digest);
              blobs.emplace_back(data);
              return {};
            },
            .absent = [this](const Digest& digest) -> Status {
              absent.push_back(digest);
              return {};
            },
            .damaged = [this](const Digest& digest, uint64_t) -> Status {
              damaged.push_back(digest);
              return {};
            }};
  }
};

struct Pack {
  std::string bytes;
  PackWriter writer;
  explicit Pack(bool footer)
      : writer({.footer = footer}, [this](std::string_view data) -> Status {
          bytes += data;
          return {};
        }) {}
  void Add(std::string_view content) { EXPECT_TRUE(writer.Add(Digest::Of(content), content)); }
};

std::vector<std::string> Contents(int count) {
  std::vector<std::string> contents;
  for (int i = 0; i < count; ++i) {
    contents.push_back(std::to_string(i) + std::string(static_cast<size_t>(i) * 37 % 9'000, 'c'));
  }
  return contents;
}

TEST(Pack, IsReadAsItWasWrittenHoweverItIsCut) {
  for (bool footer : {false, true}) {
    Pack pack(footer);
    auto contents = Contents(1'000);
    contents[500] = std::string(kManyLimit, 'x');
    contents[501] = "";
    for (const auto& content : contents) pack.Add(content);
    ASSERT_TRUE(pack.writer.AddAbsent(std::vector{Digest::Of("absent")}));
    ASSERT_TRUE(pack.writer.Finish());
    for (size_t piece : {size_t{1}, size_t{1'000}, pack.bytes.size()}) {
      Seen seen;
      PackReader reader(seen.Events());
      for (std::string_view rest = pack.bytes; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size()))) {
        EXPECT_FALSE(reader.complete());
        ASSERT_TRUE(reader.Append(rest.substr(0, piece)));
      }
      EXPECT_TRUE(reader.complete());
      EXPECT_EQ(seen.blobs, contents);
      EXPECT_EQ(seen.absent, std::vector{Digest::Of("absent")});
      EXPECT_TRUE(seen.damaged.empty());
    }
  }
}

TEST(Pack, FindsEachBlobByItsFooter) {
  Pack pack(true);
  auto contents = Contents(800);
  for (const auto& content : contents) pack.Add(content);
  ASSERT_TRUE(pack.writer.Finish());
  std::string_view bytes = pack.bytes;
  uint64_t length = FooterLength(bytes.substr(bytes.size() - kPackTrailerSize)).value();
  auto frames = DecodeFooter(bytes.substr(bytes.size() - length)).value();
  EXPECT_GT(frames.size(), 2u);
  size_t next = 0;
  for (const PackFrame& frame : frames) {
    EXPECT_LE(frame.raw, kPackFrame);
    std::string raw = DecodeFrame(bytes.substr(frame.offset, frame.stored), frame.raw).value();
    size_t at = 0;
    for (const PackEntry& entry : frame.entries) {
      EXPECT_EQ(raw.substr(at, entry.size), contents[next]);
      EXPECT_EQ(entry.digest, Digest::Of(contents[next++]));
      at += entry.size;
    }
  }
  EXPECT_EQ(next, contents.size());
}

TEST(Pack, SaysWhichBlobsAreDamaged) {
  Pack pack(false);
  pack.Add("first");
  ASSERT_TRUE(pack.writer.Add(Digest::Of("second"), "other"));
  pack.Add("third");
  ASSERT_TRUE(pack.writer.Finish());
  Seen seen;
  ASSERT_TRUE(PackReader(seen.Events()).Append(pack.bytes));
  EXPECT_EQ(seen.damaged, std::vector{Digest::Of("second")});
  EXPECT_EQ(seen.blobs, (std::vector<std::string>{"first", "third"}));
}

TEST(Pack, IsNotCompleteWhereItWasCutOff) {
  Pack pack(false);
  for (const auto& content : Contents(10)) pack.Add(content);
  ASSERT_TRUE(pack.writer.Finish());
  for (size_t length = 0; length < pack.bytes.size(); length += 7) {
    Seen seen;
    PackReader reader(seen.Events());
    ASSERT_TRUE(reader.Append(std::string_view(pack.bytes).substr(0, length)));
    EXPECT_FALSE(reader.complete());
  }
}

TEST(Pack, IsRefusedWhereItIsDamaged) {
  Pack pack(true);
  for (const auto& content : Contents(50)) pack.Add(content);
  ASSERT_TRUE(pack.writer.Finish());
  size_t length = FooterLength(std::string_view(pack.bytes).substr(pack.bytes.size() - kPackTrailerSize)).value();
  for (size_t i = 0; i < length; i += 5) {
    std::string body = pack.bytes.substr(pack.bytes.size() - length);
    body[i] = static_cast<char>(body[i] ^ 0x10);
    EXPECT_EQ(DecodeFooter(body).error().code(), Code::kDataLoss) << i;
  }
  for (size_t i = 0; i < 32; ++i) {   // the header and the first record
    if (i >= 8 && i < 16) continue;   // the nonce means nothing to a reader
    if (i >= 20 && i < 24) continue;  // another count is noticed, but may need more bytes than there are
    std::string bytes = pack.bytes;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x80);
    Seen seen;
    PackReader reader(seen.Events());
    Status status = reader.Append(bytes);
    EXPECT_TRUE(!status || !reader.complete() || !seen.damaged.empty()) << i;
  }
}

TEST(Pack, RefusesWhatIsTooLarge) {
  Pack pack(false);
  std::string large(kManyLimit + 1, 'x');
  EXPECT_EQ(pack.writer.Add(Digest::Of(large), large).error().code(), Code::kOutOfRange);
}

TEST(Pack, EndsWhereTheReceiverFails) {
  Pack pack(false);
  for (const auto& content : Contents(10)) pack.Add(content);
  ASSERT_TRUE(pack.writer.Finish());
  Seen seen;
  PackEvents events = seen.Events();
  int count = 0;
  events.blob = [&](const Digest&, std::string_view) -> Status {
    return ++count < 3 ? Status() : Fail(Code::kAborted, "enough");
  };
  EXPECT_EQ(PackReader(events).Append(pack.bytes).error().message(), "enough");
  EXPECT_EQ(count, 3);
}

}  // namespace
}  // namespace burrow::cas

// The small pieces: numbers, paths, hints, words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/edit_distance.h"
#include "dockerfile/hints.h"
#include "dockerfile/numbers.h"
#include "dockerfile/paths.h"
#include "dockerfile/words.h"

namespace burrow::dockerfile {
namespace {

using ::testing::ElementsAre;

TEST(Numbers, DurationsAreThoseOfGo) {
  EXPECT_EQ(ParseDuration("0"), 0u);
  EXPECT_EQ(ParseDuration("1h2m3s"), 3'723'000'000'000u);
  EXPECT_EQ(ParseDuration("1.5h"), 5'400'000'000'000u);
  EXPECT_EQ(ParseDuration("+300ms"), 300'000'000u);
  EXPECT_EQ(ParseDuration(".5s"), 500'000'000u);
  EXPECT_EQ(ParseDuration("1.1s"), 1'100'000'000u);
  EXPECT_EQ(ParseDuration("3us2ns"), 3002u);
  EXPECT_EQ(ParseDuration("1\xc2\xb5s"), 1000u);
  for (const char* text : {"", "3", "-1s", "1x", "s", ".s", "1s2", "1 s", "9999999h", "1d"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(Numbers, BytesHaveUnits) {
  EXPECT_EQ(ParseBytes("100"), 100u);
  EXPECT_EQ(ParseBytes("100b"), 100u);
  EXPECT_EQ(ParseBytes("2k"), 2048u);
  EXPECT_EQ(ParseBytes("1.5 GiB"), 1'610'612'736u);
  EXPECT_EQ(ParseBytes("1MB"), 1'048'576u);
  for (const char* text : {"", "x", "1kk", "1x", "-1", "9999999p"}) EXPECT_EQ(ParseBytes(text), std::nullopt) << text;
}

TEST(Numbers, AreWholeTexts) {
  EXPECT_EQ(ParseNumber("0755", 8), 0755u);
  for (const char* text : {"", " 1", "1 ", "+1", "-1", "0x1", "99999999999999999999"}) {
    EXPECT_EQ(ParseNumber(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseBool("True"), true);
  EXPECT_EQ(ParseBool("0"), false);
  EXPECT_EQ(ParseBool("yes"), std::nullopt);
}

TEST(Paths, AreCleanedAsGoDoes) {
  for (auto [path, clean] : {std::pair("", "."),
                             {"/", "/"},
                             {"a//b/", "a/b"},
                             {"./a/.", "a"},
                             {"a/../..", ".."},
                             {"../../a", "../../a"},
                             {"/../a", "/a"},
                             {"/a/../..", "/"},
                             {"a/..", "."}}) {
    EXPECT_EQ(CleanPath(path), clean) << path;
  }
  EXPECT_EQ(AbsolutePath("/w", "../x"), "/x");
  EXPECT_EQ(AbsolutePath("", "x"), "/x");
  EXPECT_EQ(AbsolutePath("/w", ""), "/w");
}

TEST(Hints, ComeForWhatIsNear) {
  constexpr std::string_view kWords[] = {"RUN", "COPY", "ENTRYPOINT"};
  EXPECT_EQ(Nearest("RNU", kWords), "RUN");
  EXPECT_EQ(Nearest("cpoy", kWords), "COPY");
  EXPECT_EQ(Nearest("ENTRYPIONTS", kWords), "ENTRYPOINT");
  EXPECT_EQ(Nearest("APT-GET", kWords), std::nullopt);
  EXPECT_EQ(Nearest("", kWords), std::nullopt);
  EXPECT_EQ(DidYouMean("rn", kWords, "--"), "did you mean --RUN?");
  EXPECT_EQ(EditDistance("abcd", "acbd"), 1u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
}

TEST(Words, ListsAreJsonOfStringsAlone) {
  EXPECT_THAT(**StringList(" [\"a\", \"\\u00e9\"] "), ElementsAre("a", "\xc3\xa9"));
  EXPECT_TRUE(StringList("[]").value()->empty());
  for (const char* text : {"a", "", "[a]", "[\"a\"", "[\"a\",]", "{}", "['a']", "[\"a\"] b"}) {
    auto list = StringList(text);
    ASSERT_TRUE(list) << text;
    EXPECT_FALSE(*list) << text;
  }
  for (const char* text : {"[1]", "[null]", "[[]]", "[{\"a\":1}]", "[\"a\", [\"b\"]]"}) {
    EXPECT_FALSE(StringList(text)) << text;
  }
  EXPECT_TRUE(StringList(std::string(100'000, '[')));
}

}  // namespace
}  // namespace burrow::dockerfile

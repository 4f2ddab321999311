#include "api/pack_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "cas/testing/temporary_directory.h"

namespace burrow::api {
namespace {

class PackCacheTest : public ::testing::Test {
 protected:
  static cas::Digest Request(std::string_view name) { return cas::Digest::Of(name); }
  // Asks twice, as two nodes do.
  void Make(std::string_view name, std::string_view content) {
    EXPECT_EQ(cache_.Begin(Request(name)), nullptr) << "who asks once gets nothing kept";
    auto draft = cache_.Begin(Request(name));
    ASSERT_NE(draft, nullptr);
    draft->Append(content.substr(0, 1));
    draft->Append(content.substr(1));
    cache_.Keep(Request(name), std::move(*draft));
  }
  std::string Content(std::string_view name) {
    const auto pack = cache_.Find(Request(name));
    if (!pack) return "none";
    std::string content(pack->bytes, '\0');
    EXPECT_EQ(::pread(pack->file.get(), content.data(), content.size(), 0), static_cast<ssize_t>(content.size()));
    return content;
  }

  cas::testing::TemporaryDirectory directory_;
  PackCache cache_{{.directory = directory_.path(), .max_bytes = 20, .least_bytes = 2, .keep_free = 0}};
};

TEST_F(PackCacheTest, KeepsWhatIsAskedForASecondTime) {
  EXPECT_EQ(cache_.Find(Request("a")), nullptr);
  Make("a", "content");
  EXPECT_EQ(Content("a"), "content");
  EXPECT_EQ(Content("b"), "none");
}

TEST_F(PackCacheTest, DropsWhatWasUsedLongestAgo) {
  Make("a", "0123456789");
  Make("b", "01234567");
  const auto held = cache_.Find(Request("b"));
  EXPECT_EQ(Content("a"), "0123456789");
  Make("c", "0123");
  EXPECT_EQ(Content("b"), "none");
  EXPECT_EQ(Content("a"), "0123456789");
  EXPECT_EQ(Content("c"), "0123");
  char first = 0;
  EXPECT_EQ(::pread(held->file.get(), &first, 1, 0), 1) << "who reads it goes on";
}

TEST_F(PackCacheTest, KeepsNothingThatIsTooSmallOrTooLarge) {
  Make("small", "0");
  Make("large", "012345678901234567890");
  EXPECT_EQ(Content("small"), "none");
  EXPECT_EQ(Content("large"), "none");
}

TEST_F(PackCacheTest, KeepsNothingWhereTheDiskHasNoRoom) {
  PackCache full({.directory = directory_.path(), .keep_free = ~uint64_t{0}});
  EXPECT_EQ(full.Begin(Request("a")), nullptr);
  EXPECT_EQ(full.Begin(Request("a")), nullptr);
  PackCache nowhere({.directory = "/proc/self/none"});
  EXPECT_EQ(nowhere.Begin(Request("a")), nullptr);
  EXPECT_EQ(nowhere.Begin(Request("a")), nullptr);
}

}  // namespace
}  // namespace burrow::api

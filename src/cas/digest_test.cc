#include "cas/digest.h"

#include <gtest/gtest.h>

namespace burrow::cas {
namespace {

constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Digest, IsSha256) {
  EXPECT_EQ(Digest::Of("abc").Hex(), kAbc);
  Hasher hasher;
  hasher.Update("a");
  hasher.Update("bc");
  EXPECT_EQ(hasher.Finish().Hex(), kAbc);
}

TEST(Digest, ReadsOnlySixtyFourLowerCaseHexDigits) {
  EXPECT_EQ(Digest::FromHex(kAbc), Digest::Of("abc"));
  std::string text = kAbc;
  EXPECT_FALSE(Digest::FromHex(text + "0"));
  EXPECT_FALSE(Digest::FromHex(text.substr(1)));
  EXPECT_FALSE(Digest::FromHex("B" + text.substr(1)));
  EXPECT_FALSE(Digest::FromHex("/" + text.substr(1)));
}

}  // namespace
}  // namespace burrow::cas

#include "imagefs/dispatch.h"

#include <gtest/gtest.h>

namespace burrow::imagefs {
namespace {

TEST(ReplyBuffer, HasExactlyTheSizeThatWasAskedForHoweverItGrows) {
  ReplyBuffer reply;
  for (size_t size : {1000UL, 1032UL, 1048UL, 5UL, 2097UL, 4000UL, 4001UL}) {
    reply.Clear();
    EXPECT_EQ(reply.Resize(size), reply.bytes().data());
    EXPECT_EQ(reply.bytes().size(), size);
  }
}

}  // namespace
}  // namespace burrow::imagefs

#include "os/fd_message.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace burrow::os {
namespace {

constexpr std::chrono::milliseconds kPatience{10'000}, kSoon{20};

TEST(FdMessage, BringsTextDescriptorsAndWhoSentThem) {
  auto pair = MakeMessagePair(kPatience);
  ASSERT_TRUE(pair);
  UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(SendMessage(pair->theirs.get(), "take these", {null.get(), null.get()}));
  auto got = ReceiveMessage(pair->ours.get());
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->text, "take these");
  EXPECT_EQ(got->sender, getpid());
  ASSERT_EQ(got->descriptors.size(), 2u);
  struct stat sent{}, received{};
  fstat(null.get(), &sent);
  fstat(got->descriptors[1].get(), &received);
  EXPECT_EQ(sent.st_rdev, received.st_rdev);
  EXPECT_TRUE(fcntl(got->descriptors[0].get(), F_GETFD) & FD_CLOEXEC);
}

TEST(FdMessage, KeepsMessagesApart) {
  auto pair = MakeMessagePair(kPatience);
  ASSERT_TRUE(SendMessage(pair->theirs.get(), "one"));
  ASSERT_TRUE(SendMessage(pair->theirs.get(), "two"));
  EXPECT_EQ(ReceiveMessage(pair->ours.get())->text, "one");
  EXPECT_EQ(ReceiveMessage(pair->ours.get())->text, "two");
}

TEST(FdMessage, TellsThatNobodyIsThere) {
  auto pair = MakeMessagePair(kPatience);
  pair->theirs.Reset();
  EXPECT_EQ(ReceiveMessage(pair->ours.get())->text, "");
  EXPECT_EQ(SendMessage(pair->ours.get(), "hello").error().code(), Code::kUnavailable);
}

TEST(FdMessage, GivesUpAtTheDeadline) {
  auto pair = MakeMessagePair(kSoon);
  EXPECT_EQ(ReceiveMessage(pair->ours.get()).error().code(), Code::kDeadlineExceeded);
}

TEST(FdMessage, RefusesMoreDescriptorsThanAMessageHolds) {
  auto pair = MakeMessagePair(kPatience);
  EXPECT_EQ(SendMessage(pair->ours.get(), "x", std::vector<int>(33, 0)).error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace burrow::os

#include "imagefs/request_slots.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <string>
#include <thread>
#include <vector>

#include "imagefs/fuse_abi.h"

namespace burrow::imagefs {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kEnough{60'000};

std::string Message(uint64_t unique, std::string_view name = "") {
  const abi::InHeader header{.len = static_cast<uint32_t>(sizeof header + name.size()), .unique = unique};
  return std::string(reinterpret_cast<const char*>(&header), sizeof header).append(name);
}

class RequestSlotsTest : public ::testing::Test {
 protected:
  // As another process does.
  std::unique_ptr<RequestSlots> Attach() { return RequestSlots::Attach(file_.get()).value(); }
  void Receive(std::string_view message) { message.copy(slots_->Incoming(0).data(), message.size()); }

  UniqueFd file_ = RequestSlots::NewFile().value();
  std::unique_ptr<RequestSlots> slots_ = Attach();
};

TEST_F(RequestSlotsTest, AreFreeAtFirst) {
  auto next = Attach();
  EXPECT_TRUE(next->TakeLeft().empty());
  for (size_t reader = 0; reader < RequestSlots::kReaders; ++reader) EXPECT_EQ(next->LeftIncoming(reader), "");
}

TEST_F(RequestSlotsTest, ShowTheNextProcessWhatWasReadAndNotAnswered) {
  Receive(Message(7, "name"));
  EXPECT_EQ(Attach()->LeftIncoming(0), Message(7, "name"));
  EXPECT_EQ(Attach()->LeftIncoming(1), "");
  slots_->ClearIncoming(0);
  EXPECT_EQ(Attach()->LeftIncoming(0), "");
}

TEST_F(RequestSlotsTest, ShowTheNextProcessWhatWasKeptUntilItIsLetGo) {
  auto answered = slots_->Keep(Message(1, "one"), kEnough).value();
  auto open = slots_->Keep(Message(2, "two"), kEnough).value();
  answered.reset();
  auto next = Attach();
  auto left = next->TakeLeft();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0]->message(), Message(2, "two"));
  EXPECT_TRUE(next->TakeLeft().empty()) << "they are answered twice";
  left.clear();
  EXPECT_TRUE(Attach()->TakeLeft().empty());
}

TEST_F(RequestSlotsTest, IgnoreWhatIsNoRequest) {
  for (const uint32_t length : {1u, 39u, static_cast<uint32_t>(RequestSlots::kIncomingBytes + 1), UINT32_MAX}) {
    Receive({reinterpret_cast<const char*>(&length), sizeof length});
    EXPECT_EQ(Attach()->LeftIncoming(0), "") << length;
  }
  EXPECT_EQ(slots_->Keep("too short", kEnough).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(slots_->Keep(Message(1, std::string(RequestSlots::kKeptBytes, 'n')), kEnough).error().code(),
            Code::kInvalidArgument);
}

TEST_F(RequestSlotsTest, HoldBackWhoKeepsMoreThanTheyTake) {
  std::vector<std::shared_ptr<KeptRequest>> kept;
  kept.reserve(RequestSlots::kKeptSlots);
  for (size_t i = 0; i < RequestSlots::kKeptSlots; ++i) kept.push_back(slots_->Keep(Message(i), kEnough).value());
  EXPECT_EQ(slots_->Keep(Message(0), milliseconds(0)).error().code(), Code::kDeadlineExceeded);
  std::jthread answering([&] { kept.pop_back(); });
  EXPECT_TRUE(slots_->Keep(Message(0), kEnough));
  answering.join();
  auto next = Attach();
  EXPECT_EQ(next->TakeLeft().size(), RequestSlots::kKeptSlots - 1);
}

TEST_F(RequestSlotsTest, AreNotAnyFile) {
  UniqueFd other(::memfd_create("other", MFD_CLOEXEC));
  EXPECT_EQ(RequestSlots::Attach(other.get()).error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace burrow::imagefs

#include "imagefs/deferred.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>

#include "os/process.h"

namespace burrow::imagefs {
namespace {

constexpr uint64_t kUnique = 42;

// A pipe stands for the kernel.
class DeferTest : public ::testing::Test {
 protected:
  // The errno of the one reply that comes.
  int Deferred(std::chrono::milliseconds deadline, int late_errno, const std::function<void(Session&)>& work) {
    auto kernel = os::MakePipe().value();
    Session session{.connection = Connection(std::move(kernel.write), &failures_),
                    .slots = RequestSlots::Attach(slots_.get()).value(),
                    .fetch_deadline = deadline};
    FetchPool pool(1);  // ends first
    session.fetches = &pool;
    Request request{.header = {.len = sizeof request.header, .unique = kUnique}, .body = {}, .message = {}, .kept = {}};
    request.message = {reinterpret_cast<const char*>(&request.header), sizeof request.header};
    EXPECT_FALSE(Defer(session, request, late_errno, [&] { work(session); }).replies());
    abi::OutHeader reply{};
    EXPECT_EQ(::read(kernel.read.get(), &reply, sizeof reply), static_cast<ssize_t>(sizeof reply));
    EXPECT_EQ(reply.unique, kUnique);
    return -reply.error;
  }
  std::atomic<uint64_t> failures_ = 0;
  UniqueFd slots_ = RequestSlots::NewFile().value();
};

constexpr std::chrono::milliseconds kLong{60'000};

TEST_F(DeferTest, LeavesTheReplyToTheWork) {
  EXPECT_EQ(Deferred(kLong, EIO, [](Session& session) { session.connection.ReplyError(kUnique, ENOENT); }), ENOENT);
  EXPECT_EQ(failures_, 0u);
}

TEST_F(DeferTest, AnswersForWorkThatEndsWithAnException) {
  EXPECT_EQ(Deferred(kLong, ENOENT, [](Session&) { throw std::runtime_error("no memory"); }), EIO);
  EXPECT_EQ(failures_, 1u);
}

TEST_F(DeferTest, AnswersForWorkThatNoThreadWasFreeForInTime) {
  bool ran = false;
  EXPECT_EQ(Deferred(std::chrono::milliseconds(-1), ENOENT, [&](Session&) { ran = true; }), ENOENT);
  EXPECT_FALSE(ran);
}

TEST_F(DeferTest, KeepsTheRequestUntilItIsAnswered) {
  size_t kept = 0;
  Deferred(kLong, EIO, [&](Session& session) {
    kept = RequestSlots::Attach(slots_.get()).value()->TakeLeft().size();
    session.connection.ReplyError(kUnique, ENOENT);
  });
  EXPECT_EQ(kept, 1u);
}

TEST_F(DeferTest, LetsTheRequestGoOnceItIsAnswered) {
  Deferred(kLong, EIO, [&](Session& session) { session.connection.ReplyError(kUnique, ENOENT); });
  EXPECT_TRUE(RequestSlots::Attach(slots_.get()).value()->TakeLeft().empty());
}

}  // namespace
}  // namespace burrow::imagefs

#include "net/blocking_pool.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <future>
#include <stdexcept>
#include <thread>

#include "net/event.h"
#include "net/testing/loop_thread.h"

namespace burrow::net {
namespace {

using testing::LoopThread;

TEST(BlockingPool, RunsWorkElsewhereAndResumesOnTheLoop) {
  LoopThread loop;
  BlockingPool pool(2);
  auto task = [](BlockingPool& pool) -> Task<bool> {
    auto here = std::this_thread::get_id();
    auto there = co_await RunBlocking(pool, [] { return std::this_thread::get_id(); });
    co_return there != here&& std::this_thread::get_id() == here;
  };
  EXPECT_TRUE(loop.Start(task(pool)).get());
  loop.Join();
}

TEST(BlockingPool, CarriesValuesThatOnlyMoveAndNothingAtAll) {
  LoopThread loop;
  BlockingPool pool(1);
  auto task = [](BlockingPool& pool) -> Task<int> {
    auto value = co_await RunBlocking(pool, [owned = std::make_unique<int>(7)]() mutable { return std::move(owned); });
    co_await RunBlocking(pool, [&value] { *value += 1; });
    co_return *value;
  };
  EXPECT_EQ(loop.Start(task(pool)).get(), 8);
  loop.Join();
}

TEST(BlockingPool, ThrowsInTheCoroutineWhatTheWorkThrew) {
  LoopThread loop;
  BlockingPool pool(1);
  auto task = [](BlockingPool& pool) -> Task<int> {
    co_return co_await RunBlocking(pool, []() -> int { throw std::runtime_error("broken"); });
  };
  EXPECT_THROW(loop.Start(task(pool)).get(), std::runtime_error);
  loop.Join();
}

TEST(BlockingPool, SurvivesPostedWorkThatThrows) {
  std::promise<void> done;
  BlockingPool pool(1);
  pool.Post([] { throw std::runtime_error("broken"); });
  pool.Post([&] { done.set_value(); });
  done.get_future().wait();
}

TEST(BlockingPool, MayFinishWorkForALoopThatHasStopped) {
  IoContext io;
  {
    BlockingPool pool(1);
    std::promise<void> release;
    auto released = release.get_future().share();
    auto task = [](BlockingPool& pool, IoContext& io, std::shared_future<void> released) -> Task<void> {
      io.stop();
      co_await RunBlocking(pool, [released] { released.wait(); });
      ADD_FAILURE() << "the loop has stopped";
    };
    boost::asio::co_spawn(io, task(pool, io, released), boost::asio::detached);
    boost::asio::co_spawn(io, task(pool, io, released), boost::asio::detached);
    io.run();
    release.set_value();
  }
}

TEST(Event, WakesAllWhoWaitAndNobodyElse) {
  IoContext io;
  Event event(io);
  int woken = 0;
  auto wait = [&]() -> Task<void> { woken += co_await event.Wait(std::chrono::minutes(1)) ? 1 : 0; };
  auto notify = [&]() -> Task<void> {
    event.Notify();
    co_return;
  };
  boost::asio::co_spawn(io, wait(), boost::asio::detached);
  boost::asio::co_spawn(io, wait(), boost::asio::detached);
  boost::asio::co_spawn(io, notify(), boost::asio::detached);
  io.run();
  EXPECT_EQ(woken, 2);
  io.restart();
  auto late = [&]() -> Task<void> { EXPECT_FALSE(co_await event.Wait(std::chrono::milliseconds(1))); };
  boost::asio::co_spawn(io, late(), boost::asio::detached);
  io.run();
}

TEST(Event, MayGoBeforeThoseWhoWait) {
  IoContext io;
  auto event = std::make_unique<Event>(io);
  auto wait = [&]() -> Task<void> {
    auto waiting = event->Wait(std::chrono::milliseconds(5));
    EXPECT_FALSE(co_await std::move(waiting));
  };
  auto drop = [&]() -> Task<void> {
    event.reset();
    co_return;
  };
  boost::asio::co_spawn(io, wait(), boost::asio::detached);
  boost::asio::co_spawn(io, drop(), boost::asio::detached);
  io.run();
}

}  // namespace
}  // namespace burrow::net

#include "cas/prefetch_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace burrow::cas {
namespace {

constexpr uint64_t kMost = 1000;
constexpr std::chrono::minutes kQueuePatience{2};

ArrivedBlob OfBytes(size_t bytes) { return {.digest = Digest::Of("any"), .bytes = std::string(bytes, 'b')}; }

TEST(PrefetchQueue, HoldsNoMoreThanItMayHoweverMuchIsBrought) {
  constexpr int kBlobs = 50;
  PrefetchQueue queue(kMost);
  std::atomic<int> added = 0;
  std::jthread bringing([&] {
    for (int i = 0; i < kBlobs; ++i, ++added) queue.Add(OfBytes(300));
    queue.Close();
  });
  int taken = 0;
  // Each time the one who brings can go no further, or has brought all.
  auto at_rest = [&] { return added == kBlobs || (added == taken + 3 && queue.load().waiting == 1); };
  for (; taken < kBlobs; ++taken) {
    const auto end = std::chrono::steady_clock::now() + kQueuePatience;
    while (!at_rest() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    ASSERT_LE(queue.load().bytes, kMost);
    ASSERT_TRUE(queue.Take());
  }
  EXPECT_FALSE(queue.Take());
  EXPECT_EQ(queue.load().bytes, 0u);
}

TEST(PrefetchQueue, TakesABlobThatIsLargerThanAllOfIt) {
  PrefetchQueue queue(kMost);
  queue.Add(OfBytes(kMost + 1));
  EXPECT_EQ(queue.Take()->bytes.size(), kMost + 1);
}

}  // namespace
}  // namespace burrow::cas

// Threads for work that waits for the network, made when they are needed, up to a limit.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace burrow::imagefs {

// Any thread. The destructor runs what was submitted and waits for it. An exception of work is logged.
class FetchPool {
 public:
  explicit FetchPool(size_t max_threads) : max_threads_(max_threads) {}
  ~FetchPool();
  // The kernel bounds how many requests are open, and with them this queue.
  void Submit(std::function<void()> work);

 private:
  void Run();

  const size_t max_threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // All guarded by mutex_.
  std::deque<std::function<void()>> queue_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool closing_ = false;
};

}  // namespace burrow::imagefs

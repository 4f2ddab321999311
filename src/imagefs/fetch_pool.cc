#include "imagefs/fetch_pool.h"

#include "base/log.h"

namespace burrow::imagefs {

FetchPool::~FetchPool() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void FetchPool::Submit(std::function<void()> work) {
  std::lock_guard lock(mutex_);
  queue_.push_back(std::move(work));
  if (queue_.size() > idle_ && threads_.size() < max_threads_) threads_.emplace_back([this] { Run(); });
  changed_.notify_one();
}

void FetchPool::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [&] { return closing_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) return;
    auto work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    try {
      work();
    } catch (const std::exception& e) {
      LogError("a fetch ended with an exception: {}", e.what());
    }
    work = nullptr;
    lock.lock();
  }
}

}  // namespace burrow::imagefs

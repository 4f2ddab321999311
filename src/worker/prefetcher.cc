#include "worker/prefetcher.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace burrow::worker {
namespace {

constexpr size_t kMaxAtOnce = 4;
constexpr size_t kMaxWaiting = 64;  // further containers start without

}  // namespace

Prefetcher::~Prefetcher() {
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
    waiting_.clear();
    for (const auto& job : running_) job->cancelled = true;
    threads.swap(threads_);
    changed_.notify_all();
  }
  for (std::thread& thread : threads) thread.join();
}

void Prefetcher::Start(const std::string& container, HotSet hot_set) {
  if (hot_set.blobs.empty()) return;
  std::lock_guard lock(mutex_);
  if (by_container_.contains(container)) return;
  auto same = [&](const auto& job) { return !job->cancelled && job->hot_set == hot_set; };
  for (const auto& item : by_container_) {
    if (!same(item.second)) continue;
    auto job = item.second;
    job->containers++;
    by_container_[container] = std::move(job);
    return;
  }
  if (waiting_.size() >= kMaxWaiting) return;
  auto job = std::make_shared<Job>();
  job->hot_set = std::move(hot_set);
  by_container_[container] = job;
  waiting_.push_back(std::move(job));
  if (waiting_.size() > idle_ && threads_.size() < kMaxAtOnce) threads_.emplace_back([this] { Run(); });
  changed_.notify_one();
}

void Prefetcher::Forget(const std::string& container) {
  std::lock_guard lock(mutex_);
  auto at = by_container_.find(container);
  if (at == by_container_.end()) return;
  if (--at->second->containers == 0) {
    at->second->cancelled = true;
    std::erase(waiting_, at->second);
  }
  by_container_.erase(at);
}

void Prefetcher::Fetch(const Job& job) const {
  cas::PrefetchOptions options{.cache = options_.cache, .remote = options_.remote, .cancelled = &job.cancelled};
  if (options_.images && options_.images->tier() == imagefs::Tier::kErofs) {
    options.read_frames = [&](const cas::HotBlob& blob, const std::function<bool()>& ended) {
      return options_.images->ReadFrames(job.hot_set.image, blob, ended);
    };
  }
  auto outcome = cas::Prefetch(job.hot_set.blobs, options);
  if (outcome) {
    LogDebug("prefetched {} blobs, {} were here, {} failed", outcome->fetched, outcome->present, outcome->failed);
  } else if (outcome.error().code() != Code::kCancelled) {
    LogWarn("prefetch ends early: {}", outcome.error().message());
  }
}

void Prefetcher::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [&] { return closing_ || !waiting_.empty(); });
    --idle_;
    if (closing_) return;
    auto job = std::move(waiting_.front());
    waiting_.pop_front();
    running_.push_back(job);
    lock.unlock();
    try {
      Fetch(*job);
    } catch (const std::exception& e) {
      LogError("prefetch ends with an exception: {}", e.what());
    }
    lock.lock();
    std::erase(running_, job);
  }
}

}  // namespace burrow::worker

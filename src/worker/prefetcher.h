// Prefetches for containers that start: at most a few at a time, one for each hot set however many containers of it
// start, each ended when its last container is gone.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cas/prefetch.h"

namespace burrow::worker {

// Any thread.
class Prefetcher {
 public:
  // Neither is owned.
  Prefetcher(cas::BlobCache* cache, cas::BlobStore* remote) : cache_(cache), remote_(remote) {}
  ~Prefetcher();  // ends what runs

  // Begins in the background; nothing where the hot set is empty.
  void Start(const std::string& container, std::vector<cas::HotBlob> hot_set);
  // The container is gone. Unknown ones are passed over.
  void Forget(const std::string& container);

 private:
  struct Job {
    std::vector<cas::HotBlob> hot_set;
    std::atomic<bool> cancelled = false;
    size_t containers = 1;  // guarded by mutex_
  };
  void Run();

  cas::BlobCache* cache_;
  cas::BlobStore* remote_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // All guarded by mutex_.
  std::map<std::string, std::shared_ptr<Job>> by_container_;
  std::deque<std::shared_ptr<Job>> waiting_;
  std::vector<std::shared_ptr<Job>> running_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool closing_ = false;
};

}  // namespace burrow::worker

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
#include "imagefs/supervisor.h"

namespace burrow::worker {

// What a container of that image reads first.
struct HotSet {
  cas::Digest image;
  std::vector<cas::HotBlob> blobs;
  bool operator==(const HotSet&) const = default;
};

// None is owned.
struct PrefetcherOptions {
  cas::BlobCache* cache = nullptr;
  cas::BlobStore* remote = nullptr;
  imagefs::Supervisor* images = nullptr;  // reads frames of large files; null: nobody does
};

// Any thread.
class Prefetcher {
 public:
  explicit Prefetcher(PrefetcherOptions options) : options_(options) {}
  ~Prefetcher();  // ends what runs

  // Begins in the background; nothing where the hot set is empty.
  void Start(const std::string& container, HotSet hot_set);
  // The container is gone. Unknown ones are passed over.
  void Forget(const std::string& container);

 private:
  struct Job {
    HotSet hot_set;
    std::atomic<bool> cancelled = false;
    size_t containers = 1;  // guarded by mutex_
  };
  void Run();
  void Fetch(const Job& job) const;

  const PrefetcherOptions options_;
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

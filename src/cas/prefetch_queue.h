// Blobs that came ahead of their readers and are not in the cache yet: bounded, whoever brings more waits.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "cas/digest.h"

namespace burrow::cas {

struct ArrivedBlob {
  Digest digest;
  std::string bytes;
};

// Any thread. Whoever takes blobs must go on until none comes, or those who add wait for ever.
class PrefetchQueue {
 public:
  explicit PrefetchQueue(uint64_t max_bytes) : max_bytes_(max_bytes) {}
  // Waits for room; a blob that is larger than all of it waits until the queue is empty.
  void Add(ArrivedBlob blob);
  // Waits for a blob; none: the queue is closed and empty.
  std::optional<ArrivedBlob> Take();
  // Nothing more is added.
  void Close();

  struct Load {
    uint64_t bytes = 0;
    size_t waiting = 0;  // who wait for room
  };
  Load load() const;

 private:
  const uint64_t max_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // All guarded by mutex_.
  std::deque<ArrivedBlob> blobs_;
  Load load_;
  bool closed_ = false;
};

}  // namespace burrow::cas

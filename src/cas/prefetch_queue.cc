#include "cas/prefetch_queue.h"

#include <utility>

namespace burrow::cas {

void PrefetchQueue::Add(ArrivedBlob blob) {
  std::unique_lock lock(mutex_);
  ++load_.waiting;
  changed_.wait(lock, [&] { return blobs_.empty() || load_.bytes + blob.bytes.size() <= max_bytes_; });
  --load_.waiting;
  load_.bytes += blob.bytes.size();
  blobs_.push_back(std::move(blob));
  changed_.notify_all();
}

std::optional<ArrivedBlob> PrefetchQueue::Take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || !blobs_.empty(); });
  if (blobs_.empty()) return std::nullopt;
  ArrivedBlob blob = std::move(blobs_.front());
  blobs_.pop_front();
  load_.bytes -= blob.bytes.size();
  changed_.notify_all();
  return blob;
}

void PrefetchQueue::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

PrefetchQueue::Load PrefetchQueue::load() const {
  std::lock_guard lock(mutex_);
  return load_;
}

}  // namespace burrow::cas

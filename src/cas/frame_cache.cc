#include "cas/frame_cache.h"

namespace burrow::cas {

FrameCache::Frame FrameCache::Find(uint64_t key) {
  std::lock_guard lock(mutex_);
  auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return found->second->frame;
}

void FrameCache::Add(uint64_t key, Frame frame) {
  std::lock_guard lock(mutex_);
  if (entries_.contains(key)) return;
  bytes_ += frame->size();
  order_.push_front({.key = key, .frame = std::move(frame)});
  entries_[key] = order_.begin();
  while (bytes_ > limit_ && order_.size() > 1) {
    bytes_ -= order_.back().frame->size();
    entries_.erase(order_.back().key);
    order_.pop_back();
  }
}

void FrameCache::Drop(uint64_t key) {
  std::lock_guard lock(mutex_);
  auto found = entries_.find(key);
  if (found == entries_.end()) return;
  bytes_ -= found->second->frame->size();
  order_.erase(found->second);
  entries_.erase(found);
}

}  // namespace burrow::cas

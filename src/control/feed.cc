#include "control/feed.h"

#include "control/limits.h"

namespace burrow::control {

void Feed::Append(pb::AppEvent event) {
  if (closed_) return;
  uint64_t bytes = event.SpaceUsedLong();
  events_.push_back({std::make_shared<const pb::AppEvent>(std::move(event)), bytes});
  bytes_ += bytes;
  while (events_.size() > kMaxFeedEvents || (bytes_ > kMaxFeedBytes && events_.size() > 1)) {
    bytes_ -= events_.front().bytes;
    events_.pop_front();
    first_++;
  }
  changed_.Notify();
}

void Feed::Close() {
  closed_ = true;
  changed_.Notify();
}

void Feed::Clear() {
  first_ = end();
  events_.clear();
  bytes_ = 0;
}

std::shared_ptr<const pb::AppEvent> Feed::At(uint64_t position) const {
  if (position < first_ || position >= end()) return nullptr;
  return events_[position - first_].event;
}

}  // namespace burrow::control

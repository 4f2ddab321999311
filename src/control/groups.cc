#include "control/groups.h"

#include <utility>

#include "control/limits.h"

namespace burrow::control {

bool Group::AppendItem(GroupOutput output) {
  uint64_t bytes = output.item->ByteSizeLong() + sizeof(GroupOutput);
  if (item_bytes_ + bytes > kMaxUnreadItemBytes) TrimReadItems();
  if (item_bytes_ + bytes > kMaxUnreadItemBytes) return false;
  item_bytes_ += bytes;
  log_.push_back(std::move(output));
  changed.Notify();
  return true;
}

uint64_t Group::AppendEnd(GroupOutput output) {
  log_.push_back(std::move(output));
  changed.Notify();
  return end() - 1;
}

void Group::Prepend(std::deque<GroupOutput> outputs) {
  for (auto& output : log_) outputs.push_back(std::move(output));
  log_ = std::move(outputs);
  changed.Notify();
}

void Group::DropResult(const CallId& call, uint64_t position) {
  if (position < first_ || position >= end()) return;
  auto& output = log_[position - first_];
  if (output.call == call) output.result = nullptr;
}

void Group::NoteRead(uint64_t position) { read_ = std::max(read_, position); }

// Read items at the front go; an end stops the trimming, since a reader that starts over must find it.
void Group::TrimReadItems() {
  while (!log_.empty() && first_ < read_ && !log_.front().is_end()) {
    item_bytes_ -= log_.front().item->ByteSizeLong() + sizeof(GroupOutput);
    log_.pop_front();
    first_++;
  }
}

}  // namespace burrow::control

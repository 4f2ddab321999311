#include "link/outbox.h"

#include <algorithm>
#include <ranges>
#include <utility>

namespace burrow::link {

void Outbox::Add(Kind kind, std::string bytes) {
  bytes_ += bytes.size();
  log_entries_ += kind == Kind::kLogs ? 1 : 0;
  entries_.push_back({kind, std::move(bytes)});
  Shrink();
}

void Outbox::PutBack(std::vector<std::string> messages) {
  for (auto& message : std::ranges::reverse_view(messages)) {
    bytes_ += message.size();
    entries_.push_front({Kind::kMessage, std::move(message)});
  }
  Shrink();
}

std::vector<std::string> Outbox::Take() {
  std::vector<std::string> all;
  all.reserve(entries_.size());
  for (auto& entry : entries_) all.push_back(std::move(entry.bytes));
  entries_.clear();
  bytes_ = 0;
  log_entries_ = 0;
  return all;
}

void Outbox::Shrink() {
  while (bytes_ > limit_ && log_entries_ > 0) DropOldest(Kind::kLogs);
  while (bytes_ > limit_ && DropOldest(Kind::kMessage)) {
  }
}

bool Outbox::DropOldest(Kind kind) {
  auto found = std::ranges::find(entries_, kind, &Entry::kind);
  if (found == entries_.end()) return false;
  bytes_ -= found->bytes.size();
  log_entries_ -= kind == Kind::kLogs ? 1 : 0;
  entries_.erase(found);
  ++dropped_;
  return true;
}

}  // namespace burrow::link

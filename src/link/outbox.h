// A worker's messages while control is away: in order, bounded; log lines go first. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

namespace burrow::link {

class Outbox {
 public:
  enum class Kind { kMessage, kLogs };

  explicit Outbox(size_t limit_bytes) : limit_(limit_bytes) {}

  // Over the bound the oldest logs are dropped, and only when none are left the oldest messages.
  void Add(Kind kind, std::string bytes);
  // Puts back what had been taken and did not leave, before everything else.
  void PutBack(std::vector<std::string> messages);
  // Takes everything.
  std::vector<std::string> Take();

  size_t bytes() const { return bytes_; }
  size_t dropped() const { return dropped_; }

 private:
  struct Entry {
    Kind kind;
    std::string bytes;
  };
  void Shrink();
  bool DropOldest(Kind kind);

  size_t limit_;
  size_t bytes_ = 0;
  size_t log_entries_ = 0;
  size_t dropped_ = 0;
  std::deque<Entry> entries_;
};

}  // namespace burrow::link

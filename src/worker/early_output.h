// What a container printed before it took calls, as far as an error message shows it. One thread.
#pragma once

#include <deque>
#include <string>

#include "worker/utf8.h"

namespace burrow::worker {

class EarlyOutput {
 public:
  // Keeps the last 20 lines, of each at most 1 KiB.
  void Add(const std::string& line) {
    lines_.push_back(line.substr(0, Utf8CutBefore(line, kLineBytes)));
    if (lines_.size() > kLines) lines_.pop_front();
  }
  void Clear() { lines_.clear(); }
  std::string Text() const {
    std::string text;
    for (const std::string& line : lines_) text += line + "\n";
    return text;
  }

 private:
  static constexpr size_t kLines = 20, kLineBytes = 1024;
  std::deque<std::string> lines_;
};

}  // namespace burrow::worker

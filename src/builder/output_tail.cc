#include "builder/output_tail.h"

namespace burrow::builder {

void OutputTail::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t newline = bytes.find('\n');
    rest_.append(bytes.substr(0, newline));
    while (rest_.size() > kMaxLine) {
      Emit(std::string_view(rest_).substr(0, kMaxLine));
      rest_.erase(0, kMaxLine);
    }
    if (newline == std::string_view::npos) return;
    Emit(rest_);
    rest_.clear();
    bytes.remove_prefix(newline + 1);
  }
}

void OutputTail::Finish() {
  if (!rest_.empty()) Emit(rest_);
  rest_.clear();
}

void OutputTail::Emit(std::string_view line) {
  // A progress bar rewrites its line: what it showed last is what counts.
  while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (size_t back = line.rfind('\r'); back != std::string_view::npos) line.remove_prefix(back + 1);
  last_.emplace_back(line);
  if (last_.size() > kKeptLines) last_.pop_front();
  if (sink_) sink_(line);
}

std::string OutputTail::Last() const {
  std::string text;
  for (const auto& line : last_) text += line + "\n";
  return text;
}

}  // namespace burrow::builder

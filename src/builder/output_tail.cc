#include "builder/output_tail.h"

#include <algorithm>

namespace burrow::builder {

OutputTail::OutputTail(OutputSink sink, const std::vector<std::string>& secrets) : sink_(std::move(sink)) {
  for (std::string_view rest : secrets) {
    while (!rest.empty()) {
      size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
      if (end >= kMinHidden) hidden_.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  std::ranges::sort(hidden_, std::greater(), &std::string::size);
}

std::string OutputTail::Hidden(std::string_view line) const {
  std::string text(line);
  for (const auto& secret : hidden_) {
    for (size_t at = text.find(secret); at != text.npos; at = text.find(secret, at + 3))
      text.replace(at, secret.size(), "***");
  }
  return text;
}

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
  last_.push_back(Hidden(line));
  if (sink_) sink_(last_.back());
  if (last_.size() > kKeptLines) last_.pop_front();
}

std::string OutputTail::Last() const {
  std::string text;
  for (const auto& line : last_) text += line + "\n";
  return text;
}

}  // namespace burrow::builder

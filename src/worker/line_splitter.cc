#include "worker/line_splitter.h"

#include "worker/utf8.h"

namespace burrow::worker {

void LineSplitter::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t newline = bytes.find('\n');
    rest_.append(bytes.substr(0, newline));
    EmitLong();
    if (newline == std::string_view::npos) return;
    sink_(ToUtf8(rest_), false);
    rest_.clear();
    bytes.remove_prefix(newline + 1);
  }
}

void LineSplitter::EmitLong() {
  std::string_view rest = rest_;
  while (rest.size() > kMaxLineBytes) {
    size_t cut = Utf8CutBefore(rest, kMaxLineBytes);
    sink_(ToUtf8(rest.substr(0, cut)), true);
    rest.remove_prefix(cut);
  }
  rest_.erase(0, rest_.size() - rest.size());
}

void LineSplitter::Flush() {
  if (rest_.empty()) return;
  sink_(ToUtf8(rest_), true);
  rest_.clear();
}

}  // namespace burrow::worker

// Cuts a byte stream into lines of bounded length. Pure; one thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace burrow::worker {

inline constexpr size_t kMaxLineBytes = 64u << 10;

class LineSplitter {
 public:
  // Text without its newline, well-formed UTF-8; partial: the line goes on.
  using Sink = std::function<void(std::string text, bool partial)>;
  explicit LineSplitter(Sink sink) : sink_(std::move(sink)) {}

  void Feed(std::string_view bytes);
  // Hands on what has no newline yet, if anything.
  void Flush();
  bool pending() const { return !rest_.empty(); }

 private:
  void EmitLong();
  Sink sink_;
  std::string rest_;
};

}  // namespace burrow::worker

// A command's output on its way: whole lines to whoever watches, the last ones kept for the error. Pure; one thread.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace burrow::builder {

// Receives one line without its newline: foreign bytes, at most 4096.
using OutputSink = std::function<void(std::string_view line)>;

class OutputTail {
 public:
  static constexpr size_t kKeptLines = 20;
  static constexpr size_t kMaxLine = 4096;
  static constexpr size_t kMinHidden = 4;
  // Each line of `secrets` that has kMinHidden bytes or more is shown as "***", wherever it stands in a line.
  explicit OutputTail(OutputSink sink, const std::vector<std::string>& secrets = {});

  void Feed(std::string_view bytes);
  void Finish();  // the last line may lack its newline
  // The last lines, each with a newline.
  std::string Last() const;

 private:
  void Emit(std::string_view line);
  std::string Hidden(std::string_view line) const;
  OutputSink sink_;
  std::vector<std::string> hidden_;  // longest first: one may be part of another
  std::string rest_;
  std::deque<std::string> last_;
};

}  // namespace burrow::builder

// Whether and how long to go on with a request to a server that failed for a passing reason. One thread.
#pragma once

#include <chrono>
#include <random>
#include <string>
#include <string_view>

namespace burrow::cas {

class Retry {
 public:
  explicit Retry(std::chrono::milliseconds deadline);

  // Sleeps before the next attempt, longer each time and jittered; false where the deadline has come.
  bool Pause();
  // Whether the deadline has come.
  bool Over() const;
  // There was progress: the whole deadline again.
  void Renew();
  // How long one attempt may go without a byte.
  std::chrono::milliseconds Stall() const;
  std::chrono::milliseconds deadline() const { return deadline_; }

 private:
  std::chrono::milliseconds deadline_;
  std::chrono::steady_clock::time_point end_;
  std::chrono::milliseconds pause_;
  std::minstd_rand random_{std::random_device{}()};
};

// Whether the same request may succeed later: 408, 429 and 5xx but "not implemented" and "disk full".
bool MayPass(int http_status);
// A short excerpt of what a server said, for a one-line error.
std::string Excerpt(std::string_view body);

}  // namespace burrow::cas

#include "worker/log_limiter.h"

#include <algorithm>
#include <utility>

namespace burrow::worker {
namespace {
// So much of the rate is saved up before lines flow again.
constexpr double kResumeSeconds = 0.2;
}  // namespace

bool LogLimiter::Admit(SteadyTime now, uint64_t bytes) {
  if (last_ != SteadyTime{}) {
    double seconds = std::max(MillisBetween(last_, now), 0.0) / 1000;
    lines_ = std::min(bounds_.burst_lines, lines_ + seconds * bounds_.lines_per_second);
    bytes_ = std::min(bounds_.burst_bytes, bytes_ + seconds * bounds_.bytes_per_second);
  }
  last_ = now;
  auto size = static_cast<double>(bytes);
  if (choked_ && lines_ >= bounds_.lines_per_second * kResumeSeconds &&
      bytes_ >= bounds_.bytes_per_second * kResumeSeconds)
    choked_ = false;
  if (lines_ < 1 || bytes_ < size) choked_ = true;
  if (choked_) {
    ++dropped_;
    return false;
  }
  lines_ -= 1;
  bytes_ -= size;
  return true;
}

uint64_t LogLimiter::TakeDropped() { return std::exchange(dropped_, 0); }

}  // namespace burrow::worker

#include "worker/commit_times.h"

#include <algorithm>

namespace burrow::worker {

using std::chrono::milliseconds;

namespace {
constexpr int kPausesPerCommit = 9;
}

milliseconds PauseAfterCommit(const CommitTimes& times, SteadyTime::duration took) {
  return std::max(times.pause, std::chrono::ceil<milliseconds>(took * kPausesPerCommit));
}

milliseconds LeftForLastCommit(const CommitTimes& times, SteadyTime began, std::optional<SteadyTime> link_lost,
                               SteadyTime now) {
  SteadyTime until = began + times.last;
  if (link_lost) until = std::min(until, std::max(*link_lost, began) + times.without_link);
  return std::chrono::ceil<milliseconds>(until - now);
}

}  // namespace burrow::worker

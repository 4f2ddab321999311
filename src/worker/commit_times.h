// When volumes are committed, and how long that is waited for. Pure.
#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"

namespace burrow::worker {

struct CommitTimes {
  std::chrono::milliseconds pause{10'000};         // between two commits of a container that runs, at least
  std::chrono::milliseconds last{600'000};         // for the last commit, in all
  std::chrono::milliseconds without_link{60'000};  // for the last commit, once control is away
};
// Of a worker that is being stopped, which whoever stops it kills after half a minute.
inline constexpr CommitTimes kHurriedCommits{.last = std::chrono::milliseconds(20'000),
                                             .without_link = std::chrono::milliseconds(2'000)};

// From the end of a commit that took so long, with its walk of what was written, to the next: a tenth of the time goes
// into commits at most.
std::chrono::milliseconds PauseAfterCommit(const CommitTimes& times, SteadyTime::duration took);

// How long the last commit, begun at `began`, is still waited for at `now`; not positive: no more. `link_lost`: since
// when control is away.
std::chrono::milliseconds LeftForLastCommit(const CommitTimes& times, SteadyTime began,
                                            std::optional<SteadyTime> link_lost, SteadyTime now);

}  // namespace burrow::worker

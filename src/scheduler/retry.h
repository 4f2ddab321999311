// What becomes of a call whose attempt did not succeed. Pure. Budgets are separate: the user's retries for the user's
// failures, Burrow's own for lost containers, and a bound on inputs that kill their containers.
#pragma once

#include <chrono>
#include <cstdint>

namespace burrow::scheduler {

enum class AttemptEnd { kUserError, kTimeout, kOutOfMemory, kOutOfDisk, kCrashed, kContainerLost };

struct RetryPolicy {
  uint32_t max_retries = 0;
  std::chrono::milliseconds initial_delay{0}, max_delay{0};  // max 0: no bound
  double backoff = 1.0;
};
// What a call has used up.
struct RetryBudget {
  uint32_t user_failures = 0;
  uint32_t crashes = 0;          // the container died with the call in it (crash, out of memory or disk)
  uint32_t lost_containers = 0;  // Burrow's own losses
};

enum class Verdict { kRetry, kFail };
struct RetryDecision {
  Verdict verdict = Verdict::kFail;
  std::chrono::milliseconds delay{0};
};

inline constexpr uint32_t kMaxLostContainers = 8;
inline constexpr uint32_t kMaxCrashes = 3;

// Counts this end into the budget and decides. User errors, timeouts, crashes and out of memory or disk count against
// max_retries; ends of containers are bounded by kMaxCrashes besides; lost containers are retried at once up to
// kMaxLostContainers.
RetryDecision DecideRetry(const RetryPolicy& policy, AttemptEnd end, RetryBudget& budget);

}  // namespace burrow::scheduler

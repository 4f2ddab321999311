// A process that was killed while one of its threads waits for an answer of imagefs, which was killed with it: the
// thread cannot end before the connection does, and the connection not before the thread, which keeps the device open.
#pragma once

#include <chrono>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace burrow::imagefs {

enum class LockHolder { kNone, kAlive, kKilled };

// Where the one who holds the lock has been killed, ends the connections of its mounts below `directory`: it is gone
// soon after, and its lock with it. Needs root. Does not wait.
Result<LockHolder> ReleaseKilledHolder(const std::string& lock_file, const std::string& directory);

// How long the lock of one who lives, and of one who was killed, is waited for.
struct LockPatience {
  std::chrono::milliseconds alive, killed;
};
// The lock, once it is free; killed holders are released as above. kFailedPrecondition where it stays taken. Blocks.
Result<UniqueFd> AwaitLock(const std::string& lock_file, const std::string& directory, const LockPatience& patience);

}  // namespace burrow::imagefs

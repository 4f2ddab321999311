// Coroutines that nobody awaits.
#pragma once

#include <string>

#include "net/task.h"

namespace burrow::net {

// Runs `task` on `io`. What it throws is logged under `what`, except for its cancellation.
void RunDetached(IoContext& io, Task<void> task, std::string what);

}  // namespace burrow::net

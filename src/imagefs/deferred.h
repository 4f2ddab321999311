// Requests that wait for the network: their handlers go on in the fetch pool. Private to this module.
#pragma once

#include <functional>

#include "imagefs/dispatch.h"

namespace burrow::imagefs {

// Runs `work`, which gives the reply, on a thread of the fetch pool. The kernel gets an answer in any case: EIO where
// `work` ends with an exception, and `late_errno` where neither a slot nor a
// thread was free before the fetch deadline. The request stays in its slot until then.
Answer Defer(Session& session, const Request& request, int late_errno, std::function<void()> work);

}  // namespace burrow::imagefs

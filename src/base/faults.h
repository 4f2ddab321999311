// Named points where a test or a benchmark makes the daemon fail or wait:
//   BURROW_FAULTS="cas.commit.before_rename=kill,link.send=error,api.blobs=delay:30"
// BURROW_FAULTS_FILE names a file with the same text, obeyed instead and read again whenever it changes.
// Without these variables a point costs one relaxed load. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace burrow {

// Does what is asked of this point: nothing, SIGKILL of the own process, or an error (kUnavailable) returned here.
Status FaultPoint(std::string_view name);

// The same where nothing could fail: the process is killed, or nothing happens.
void KillPoint(std::string_view name);

// What is asked of a point that has faults of its own ("delay:30"); "" where nothing is.
std::string FaultRequest(std::string_view name);

}  // namespace burrow

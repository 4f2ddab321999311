// The words of failed calls: which exception a client raises, and one sentence that says what to do.
#pragma once

#include <cstdint>
#include <string>

#include "control/functions.h"
#include "control/messages.h"

namespace burrow::control {

// How a call or all waiting calls of a function ended without a value.
struct Failure {
  pb::CallStatus status = pb::CALL_STATUS_INFRASTRUCTURE;
  pb::CallError error;
};

Failure Cancelled(const std::string& why);
Failure TimedOut(const Function& function, const pb::CallError& detail);
Failure OutOfMemory(const Function& function);
Failure OutOfDisk(const Function& function);
// `exit_code` is -N when signal N ended the process.
Failure Crashed(const Function& function, int32_t exit_code);
// The container's process ended while it loaded the function.
Failure CrashedInImport(const Function& function, int32_t exit_code);
Failure ImportFailed(const Function& function, const pb::CallError& detail);
Failure Infrastructure(std::string sentence);

}  // namespace burrow::control

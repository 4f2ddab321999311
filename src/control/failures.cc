#include "control/failures.h"

#include <fmt/format.h>

#include "link/protocol.h"

namespace burrow::control {
namespace {

Failure Make(pb::CallStatus status, const char* type, std::string message) {
  Failure failure;
  failure.status = status;
  failure.error.set_type(type);
  failure.error.set_message(std::move(message));
  return failure;
}

std::string HowItEnded(int32_t exit_code) {
  if (exit_code < 0) return fmt::format("was killed by signal {}", -exit_code);
  return fmt::format("exited with code {}", exit_code);
}

}  // namespace

Failure Cancelled(const std::string& why) { return Make(pb::CALL_STATUS_CANCELLED, "CancelledError", why); }

Failure TimedOut(const Function& function, const pb::CallError& detail) {
  auto failure = Make(pb::CALL_STATUS_TIMEOUT, "FunctionTimeoutError",
                      fmt::format("{} ran longer than its timeout of {:g} s: raise it with @app.function(timeout=...)",
                                  Label(function), TimeoutMs(function) / 1000.0));
  failure.error.set_traceback(detail.traceback());
  *failure.error.mutable_frames() = detail.frames();
  return failure;
}

Failure OutOfMemory(const Function& function) {
  return Make(
      pb::CALL_STATUS_OUT_OF_MEMORY, "OutOfMemoryError",
      fmt::format("the container of {} ran out of its {} MiB of memory: raise it with @app.function(memory=...)",
                  Label(function), MemoryLimitMib(function)));
}

Failure OutOfDisk(const Function& function) {
  return Make(pb::CALL_STATUS_OUT_OF_DISK, "OutOfDiskError",
              fmt::format("the container of {} wrote more than its {} MiB of disk: raise it with "
                          "@app.function(ephemeral_disk=...), or remove files that are not needed any more",
                          Label(function), link::EphemeralDiskMib(function.spec.function().resources())));
}

Failure Crashed(const Function& function, int32_t exit_code) {
  return Make(
      pb::CALL_STATUS_CRASHED, "ContainerCrashedError",
      fmt::format("{0} ended its container: the process {1} while the call ran; look for os._exit or a crash in native "
                  "code in what {0} calls",
                  Label(function), HowItEnded(exit_code)));
}

Failure CrashedInImport(const Function& function, int32_t exit_code) {
  return Make(
      pb::CALL_STATUS_IMPORT_FAILED, "ImportFailedError",
      fmt::format("the container's process {} while it loaded {}: look at what its module does when it is imported",
                  HowItEnded(exit_code), Label(function)));
}

Failure ImportFailed(const Function& function, const pb::CallError& detail) {
  Failure failure{pb::CALL_STATUS_IMPORT_FAILED, detail};
  std::string cause = detail.message();
  if (!detail.type().empty() && detail.type() != "ImportFailed" && detail.type() != "ImportFailedError") {
    cause = detail.type() + (cause.empty() ? "" : ": " + cause);
  }
  failure.error.set_type("ImportFailedError");
  failure.error.set_message(fmt::format("{} could not be loaded in its container: {}", Label(function),
                                        cause.empty() ? "its module failed to import" : cause));
  return failure;
}

Failure Infrastructure(std::string sentence) {
  return Make(pb::CALL_STATUS_INFRASTRUCTURE, "InfrastructureError", std::move(sentence));
}

}  // namespace burrow::control

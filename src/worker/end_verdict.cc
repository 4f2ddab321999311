#include "worker/end_verdict.h"

#include <fmt/format.h>

#include <csignal>

#include "worker/utf8.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::ContainerUpdate;

void Conclude(ContainerUpdate& update, burrow::link::v1::StopCause cause, std::string type,
              const std::string& message) {
  update.set_cause(cause);
  update.mutable_error()->set_type(std::move(type));
  update.mutable_error()->set_message(ToUtf8(message));
}

std::string HowItEnded(const std::optional<runtime::ContainerExit>& exit) {
  if (!exit) return "ended";
  if (exit->status.signal) return fmt::format("was killed by signal {}", exit->status.signal);
  return fmt::format("ended with exit code {}", exit->status.code);
}

std::string WithOutput(std::string sentence, const std::string& output) {
  if (!output.empty()) sentence += "; it printed last:\n" + output;
  return sentence;
}

void JudgeByExit(ContainerUpdate& update, const EndFacts& facts) {
  using namespace burrow::link::v1;  // the causes' names
  std::string how = HowItEnded(facts.exit);
  // Not the function's fault before the same was seen without a fork.
  if (facts.forked && facts.progress != StartProgress::kReady) return update.set_cause(STOP_CAUSE_UNSPECIFIED);
  if (facts.progress == StartProgress::kLaunched) {
    return Conclude(update, STOP_CAUSE_START_FAILED, "ContainerStartError",
                    WithOutput(fmt::format("the container's Python {} before Burrow's runner spoke: check that the "
                                           "image holds a working python3 >= 3.8",
                                           how),
                               facts.last_output));
  }
  if (facts.progress == StartProgress::kInterpreting && facts.exit && facts.exit->status.signal == SIGKILL) {
    // From outside, most likely: another start may well succeed.
    return Conclude(update, STOP_CAUSE_START_FAILED, "ContainerStartError",
                    "the process was killed by signal 9 while the function's module was imported");
  }
  if (facts.progress == StartProgress::kInterpreting) {
    return Conclude(
        update, STOP_CAUSE_IMPORT_FAILED, "ImportFailed",
        WithOutput(fmt::format("the process {} while the function's module was imported", how), facts.last_output));
  }
  Conclude(update, STOP_CAUSE_EXITED, "ContainerExited",
           fmt::format("the container's process {}: the function, or something it called, ended the interpreter", how));
}

}  // namespace

ContainerUpdate JudgeEnd(const EndFacts& facts) {
  using namespace burrow::link::v1;
  ContainerUpdate update;
  update.set_phase(CONTAINER_PHASE_STOPPED);
  if (facts.exit) update.set_exit_code(facts.exit->status.AsNumber());
  if (facts.import_error) {
    update.set_cause(STOP_CAUSE_IMPORT_FAILED);
    *update.mutable_error() = *facts.import_error;
  } else if (facts.reason == EndReason::kRequested) {
    update.set_cause(STOP_CAUSE_REQUESTED);
  } else if (facts.reason == EndReason::kStartDeadline) {
    auto cause = facts.progress == StartProgress::kInterpreting ? STOP_CAUSE_IMPORT_FAILED : STOP_CAUSE_START_FAILED;
    Conclude(update, cause, "ContainerStartError", WithOutput(facts.reason_text, facts.last_output));
  } else if (!facts.launch_error.empty()) {
    Conclude(update, STOP_CAUSE_START_FAILED, "ContainerStartError", ExplainLaunchError(facts.launch_error));
  } else if (facts.exit && facts.exit->out_of_memory) {
    Conclude(
        update, STOP_CAUSE_OUT_OF_MEMORY, "OutOfMemory",
        fmt::format("the container needed more than its {} MiB of memory and was killed: raise memory= of the function",
                    facts.memory_mib));
  } else if (facts.reason == EndReason::kOutOfDisk) {
    Conclude(update, STOP_CAUSE_OUT_OF_DISK, "OutOfDisk", facts.reason_text);
  } else if (facts.reason == EndReason::kCallWouldNotEnd) {
    Conclude(update, STOP_CAUSE_CALL_TIMEOUT, "FunctionTimeout", facts.reason_text);
    update.set_call_id(facts.call_id);
  } else if (facts.reason == EndReason::kProtocolBroken) {
    Conclude(update, STOP_CAUSE_EXITED, "ContainerExited", facts.reason_text);
  } else {
    JudgeByExit(update, facts);
  }
  return update;
}

std::string ExplainLaunchError(const std::string& error) {
  bool python = error.find("python3") != std::string::npos;
  bool missing = error.find("not found") != std::string::npos || error.find("No such file") != std::string::npos;
  if (python && missing && error.find("executable") != std::string::npos) {
    return "the image has no python3 on its PATH: start from Image.debian_slim(), or install python3 (>= 3.8) into the "
           "image";
  }
  return "the container could not be started: " + error;
}

}  // namespace burrow::worker

// Why a container ended, told from what was seen of it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "burrow/link/v1/link.pb.h"
#include "runtime/container.h"

namespace burrow::worker {

// How far the start had come.
enum class StartProgress { kNotLaunched, kLaunched, kInterpreting, kReady };

// Why the worker itself ended it, if it did.
enum class EndReason { kNone, kRequested, kCallWouldNotEnd, kStartDeadline, kOutOfDisk, kProtocolBroken };

struct EndFacts {
  StartProgress progress = StartProgress::kNotLaunched;  // kInterpreting: the runner said hello
  EndReason reason = EndReason::kNone;
  std::string reason_text;   // a sentence, for all but kNone and kRequested
  std::string call_id;       // for kCallWouldNotEnd: which one
  bool forked = false;       // from a template, instead of an interpreter that was started for it
  std::string launch_error;  // set when Burrow could not start it
  std::optional<burrow::v1::CallError> import_error;  // of the `failed` frame
  std::optional<runtime::ContainerExit> exit;         // absent when it was never started or would not be reaped
  std::string last_output;                            // last lines that it printed before it was ready
  uint32_t memory_mib = 0;
};

// The final update, but for the container's id.
burrow::link::v1::ContainerUpdate JudgeEnd(const EndFacts& facts);

// A launch failure in words for the person who wrote the function.
std::string ExplainLaunchError(const std::string& error);

}  // namespace burrow::worker

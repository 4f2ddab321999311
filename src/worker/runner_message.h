// The JSON headers of the runner protocol. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "burrow/link/v1/link.pb.h"

namespace burrow::worker {

// `secrets`: variables that the runner sets before it loads the function.
std::string StartHeader(const burrow::v1::FunctionSpec& function, const std::string& app_id,
                        const std::string& container_id,
                        const google::protobuf::Map<std::string, std::string>& secrets = {});
// For a process that forks are made of, instead.
std::string TemplateHeader(const burrow::v1::FunctionSpec& function, const std::string& app_id,
                           const std::string& container_id,
                           const google::protobuf::Map<std::string, std::string>& secrets);
std::string CallHeader(const std::string& call_id, uint32_t attempt, const std::string& method);
enum class CancelReason { kCancelled, kTimeout };
std::string CancelHeader(const std::string& call_id, CancelReason reason);
std::string ExitHeader();

// What a runner says; fields that its kind does not have keep their defaults.
struct RunnerMessage {
  enum class Kind { kHello, kReady, kFailed, kResult, kItem, kError, kOutput, kRefused };
  Kind kind = Kind::kHello;
  std::string call_id;
  uint32_t attempt = 0;
  uint32_t item_index = 0;
  double run_ms = 0;
  bool cancelled = false;
  burrow::v1::LogStream stream = burrow::v1::LOG_STREAM_STDOUT;  // of kOutput
  std::string reason;                                            // of kRefused: a few words
  burrow::v1::CallError error;                                   // of kFailed and kError, without the pickled exception
};
// kDataLoss where the header is not what the protocol says. Frames of a traceback are bounded to 200, texts to 1 MiB
// together.
Result<RunnerMessage> ParseRunnerHeader(std::string_view header);

}  // namespace burrow::worker

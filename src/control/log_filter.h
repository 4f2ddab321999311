// Which lines of a log somebody wants to see. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "control/messages.h"

namespace burrow::control {

struct LogFilter {
  // Empty and 0: any.
  std::string function, call_id, container_id;
  uint64_t since_ms = 0;

  // What Burrow itself says about the app belongs to no function, call or container.
  bool Takes(const pb::LogLine& line) const {
    return (function.empty() || line.function() == function) && (call_id.empty() || line.call_id() == call_id) &&
           (container_id.empty() || line.container_id() == container_id) && line.time_ms() >= since_ms;
  }
};

inline LogFilter FilterOf(const pb::LogsRequest& request) {
  return {.function = request.function(),
          .call_id = request.call_id(),
          .container_id = request.container_id(),
          .since_ms = request.since_ms()};
}

}  // namespace burrow::control

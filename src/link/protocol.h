// What both ends of the link agree on.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "burrow/v1/common.pb.h"

namespace burrow::link {

constexpr uint32_t kProtocol = 1;
constexpr std::chrono::seconds kGreetingTimeout{10};  // for Hello, and for Welcome

// How many calls of the function a container's runner has at once; control counts further ones as waiting.
inline uint32_t CallsAtOnce(const burrow::v1::FunctionSpec& function) {
  return std::max({1u, function.max_inputs(), function.max_batch_size()});
}

}  // namespace burrow::link

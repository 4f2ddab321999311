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

// What a container may write to its own filesystem.
inline uint64_t EphemeralDiskMib(const burrow::v1::Resources& resources) {
  constexpr uint64_t kDefault = 65'536;
  return resources.ephemeral_disk_mib() > 0 ? resources.ephemeral_disk_mib() : kDefault;
}

}  // namespace burrow::link

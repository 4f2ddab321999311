// What both ends of the link agree on.
#pragma once

#include <chrono>
#include <cstdint>

namespace burrow::link {

constexpr uint32_t kProtocol = 1;
constexpr std::chrono::seconds kGreetingTimeout{10};  // for Hello, and for Welcome

}  // namespace burrow::link

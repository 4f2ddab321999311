// What EXPOSE and STOPSIGNAL name. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace burrow::dockerfile {

// "80" -> "80/tcp", "8000-8001/udp" -> two. kInvalidArgument in a plain sentence.
Result<std::vector<std::string>> ParsePorts(std::string_view text);

// "SIGTERM", "TERM", "15", "SIGRTMIN+3".
bool IsSignal(std::string_view text);

}  // namespace burrow::dockerfile

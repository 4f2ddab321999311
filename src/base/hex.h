// Bytes in hexadecimal digits.
#pragma once

#include <string>
#include <string_view>

namespace burrow {

// Two lower-case digits for each byte.
std::string ToHex(std::string_view bytes);

}  // namespace burrow

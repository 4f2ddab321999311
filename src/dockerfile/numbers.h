// Numbers with units, as Dockerfiles write them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace burrow::dockerfile {

// Decimal digits, or octal ones, and nothing else.
std::optional<uint64_t> ParseNumber(std::string_view text, int base = 10);

// "1h30m", "1.5s", "0": Go's durations; in nanoseconds. Nothing for what is none, is negative, or takes more than 63
// bits.
std::optional<uint64_t> ParseDuration(std::string_view text);

// "64m", "1.5GiB", "100": bytes, in powers of 1024.
std::optional<uint64_t> ParseBytes(std::string_view text);

// "true", "1", "F" and so on, as Go reads them.
std::optional<bool> ParseBool(std::string_view text);

}  // namespace burrow::dockerfile

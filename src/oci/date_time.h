// Dates of JSON documents (RFC 3339). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace burrow::oci {

// "2024-05-06T07:08:09.5+02:00" as Unix milliseconds; nothing for what is no date or lies before 1970.
std::optional<uint64_t> ParseDateTime(std::string_view text);
// "2024-05-06T05:08:09.500Z"
std::string FormatDateTime(uint64_t unix_ms);

}  // namespace burrow::oci

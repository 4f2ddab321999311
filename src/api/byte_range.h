// The Range header (RFC 9110, section 14) over content of a known size. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace burrow::api {

struct ByteRange {
  enum class Kind { kWhole, kPart, kUnsatisfiable };
  Kind kind = Kind::kWhole;
  uint64_t offset = 0;
  uint64_t length = 0;
};
// One range; several, or what is no range of bytes, count as none, as the standard allows.
ByteRange ParseRange(std::string_view header, uint64_t size);

}  // namespace burrow::api

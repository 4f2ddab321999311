// The footer of a pack at rest: every frame and blob by one read of the pack's end. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cas/pack.h"

namespace burrow::cas {

inline constexpr uint64_t kPackTrailerSize = 8;

// Body of the footer record, trailer included.
std::string EncodeFooter(const std::vector<PackFrame>& frames);
// Length of the body, from the pack's last kPackTrailerSize bytes; kDataLoss where it is no pack.
Result<uint64_t> FooterLength(std::string_view trailer);
// The frames from a whole body. Every number is checked, but the digests against nothing.
Result<std::vector<PackFrame>> DecodeFooter(std::string_view body);

}  // namespace burrow::cas

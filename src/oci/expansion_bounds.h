// What compressed bytes may become. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

namespace burrow::oci {

struct ExpansionBounds {
  uint64_t max_bytes = 256ull << 30;
  uint64_t always_bytes = 4ull << 30;  // that much is fine whatever the ratio
  uint64_t max_ratio = 250;            // bytes for each stored one

  // The most that `stored` bytes may become.
  uint64_t Of(uint64_t stored) const {
    const uint64_t by_ratio = stored > max_bytes / max_ratio ? max_bytes : stored * max_ratio;
    return std::min(max_bytes, std::max(always_bytes, by_ratio));
  }
};

}  // namespace burrow::oci

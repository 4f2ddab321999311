// What images have in common, by the content of their files. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "image/index.h"

namespace burrow::oci {

inline constexpr size_t kMaxOverlapImages = 5;

// Contents that exactly the images of a set have: bit i of `images` is the i'th image.
struct OverlapRegion {
  uint32_t images = 0;
  uint64_t files = 0, bytes = 0;  // distinct contents, and their bytes once each
};

// The regions that are not empty, by `images`. At most kMaxOverlapImages images.
std::vector<OverlapRegion> FindOverlap(std::span<const image::Index> images);

}  // namespace burrow::oci

#include "oci/overlap.h"

#include <array>
#include <unordered_map>

namespace burrow::oci {

std::vector<OverlapRegion> FindOverlap(std::span<const image::Index> images) {
  struct Content {
    uint64_t size = 0;
    uint32_t images = 0;
  };
  std::unordered_map<cas::Digest, Content> contents;
  for (size_t i = 0; i < images.size(); ++i) {
    for (image::InodeNumber number = 0; number < images[i].inode_count(); ++number) {
      image::Inode inode = images[i].inode(number);
      if (inode.digest.IsZero()) continue;
      Content& content = contents[inode.digest];
      content.size = inode.size;
      content.images |= uint32_t{1} << i;
    }
  }
  std::array<OverlapRegion, 1u << kMaxOverlapImages> regions;
  for (const auto& [digest, content] : contents) {
    OverlapRegion& region = regions.at(content.images);
    region.images = content.images;
    ++region.files;
    region.bytes += content.size;
  }
  std::vector<OverlapRegion> found;
  for (const OverlapRegion& region : regions) {
    if (region.files > 0) found.push_back(region);
  }
  return found;
}

}  // namespace burrow::oci

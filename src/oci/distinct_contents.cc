#include "oci/distinct_contents.h"

#include <algorithm>
#include <cstring>

namespace burrow::oci {

void DistinctContents::Add(const image::Index& index) {
  for (image::InodeNumber number = 0; number < index.inode_count(); ++number) {
    const image::Inode inode = index.inode(number);
    if (inode.digest.IsZero()) continue;
    Content content{.size = inode.size};
    std::memcpy(&content.digest_start, inode.digest.bytes().data(), sizeof content.digest_start);
    contents_.push_back(content);
  }
}

uint64_t DistinctContents::Bytes() {
  std::ranges::sort(contents_);
  const auto repeated = std::ranges::unique(contents_);
  contents_.erase(repeated.begin(), repeated.end());
  uint64_t bytes = 0;
  for (const Content& content : contents_) bytes += content.size;
  return bytes;
}

}  // namespace burrow::oci

#include "imagefs/trace.h"

#include <algorithm>
#include <unordered_map>

#include "cas/frames.h"
#include "image/index_blobs.h"

namespace burrow::imagefs {

std::vector<cas::HotBlob> HotBlobsOf(std::span<const Access> accesses, const image::Index& index) {
  const auto files = image::FilesOf(index);
  std::vector<cas::HotBlob> blobs;
  std::unordered_map<cas::Digest, size_t> numbers;
  for (const Access& access : accesses) {
    if (auto known = numbers.find(access.blob); known != numbers.end()) {
      cas::HotBlob& blob = blobs[known->second];
      if (access.frame < cas::FrameCount(blob.size)) blob.frames.push_back(access.frame);
      continue;
    }
    auto at = std::ranges::lower_bound(files, access.blob, {}, &image::ImageBlob::digest);
    if (access.frame != kNoFrame || at == files.end() || at->digest != access.blob) continue;
    numbers.emplace(access.blob, blobs.size());
    blobs.push_back({.digest = access.blob, .size = at->size});
  }
  return blobs;
}

}  // namespace burrow::imagefs

#include "cas/eviction_plan.h"

#include <algorithm>
#include <cstdlib>

namespace burrow::cas {
namespace {

void Raise(std::vector<CachedBlob>& blobs, const Digest& digest, int64_t used_ms) {
  auto at = std::ranges::lower_bound(blobs, digest, {}, &CachedBlob::digest);
  if (at != blobs.end() && at->digest == digest) at->last_use_ms = std::max(at->last_use_ms, used_ms);
}

}  // namespace

void BeginUses(std::vector<CachedBlob>& blobs) {
  std::ranges::sort(blobs, {}, &CachedBlob::digest);
  for (CachedBlob& blob : blobs) blob.last_use_ms = blob.changed_ms;
}

void ApplyUse(std::vector<CachedBlob>& blobs, const ImageUse& use, const std::vector<Digest>& blobs_of_image) {
  Raise(blobs, use.index, use.used_ms + 1);
  for (const Digest& digest : blobs_of_image) Raise(blobs, digest, use.used_ms);
}

std::vector<CachedBlob> PlanEviction(std::vector<CachedBlob> blobs, int64_t now_ms, uint64_t bytes, int64_t young_ms) {
  std::erase_if(blobs, [&](const CachedBlob& blob) { return std::abs(now_ms - blob.changed_ms) < young_ms; });
  std::ranges::sort(blobs, {}, &CachedBlob::last_use_ms);
  uint64_t sum = 0;
  size_t count = 0;
  while (count < blobs.size() && sum < bytes) sum += blobs[count++].bytes;
  blobs.resize(count);
  return blobs;
}

}  // namespace burrow::cas

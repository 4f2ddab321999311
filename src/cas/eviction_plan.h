// Which cached blobs go when room is needed. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "cas/digest.h"

namespace burrow::cas {

// Milliseconds of Unix time throughout.
struct CachedBlob {
  Digest digest;
  uint64_t bytes = 0;       // on the disk
  int64_t changed_ms = 0;   // when it was stored, or linked or unlinked last
  int64_t last_use_ms = 0;  // filled in by ApplyUse
};

// An image and when a container or a build last had it.
struct ImageUse {
  Digest index;
  int64_t used_ms = 0;
};

// What was stored or linked so lately may be about to be opened.
inline constexpr int64_t kYoungMs = 60'000;

// Sorts by digest; the last use is the time of storing until an image says more.
void BeginUses(std::vector<CachedBlob>& blobs);
// Raises the last use of the image's blobs (sorted as BeginUses left them). The index counts as used a moment later
// than its blobs, since it tells which those are.
void ApplyUse(std::vector<CachedBlob>& blobs, const ImageUse& use, const std::vector<Digest>& blobs_of_image);

// Those that have not been used for the longest time and are not young, in this order, until they amount to `bytes`.
// All that may go where that is less. A time in the future is that of a clock that was set back: it counts as old.
std::vector<CachedBlob> PlanEviction(std::vector<CachedBlob> blobs, int64_t now_ms, uint64_t bytes,
                                     int64_t young_ms = kYoungMs);

}  // namespace burrow::cas

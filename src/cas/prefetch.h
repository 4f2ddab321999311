// Fetches, in order and ahead of its readers, what a container will read: small blobs as one bundle, large ones beside
// it. Of a huge one a container mostly needs a small part, and the whole would keep everything else waiting: only those
// frames of it come ahead that are known to be read.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "cas/blob_cache.h"
#include "cas/blob_store.h"

namespace burrow::cas {

struct HotBlob {
  Digest digest;
  uint64_t size = 0;
  std::vector<uint32_t> frames;  // that were read of a large one, in order; empty: it is not known which
  bool operator==(const HotBlob&) const = default;
};

struct PrefetchOptions {
  BlobCache* cache = nullptr;   // not owned
  BlobStore* remote = nullptr;  // not owned
  // Looked at between pieces of blobs; set: ends early with kCancelled.
  const std::atomic<bool>* cancelled = nullptr;
  bool link = true;  // for overlays that have "linked" as a data layer
  // Makes the frames of a blob be there, by way of whoever serves it in parts; ends early where `ended` says so. Called
  // by threads of Prefetch. Absent: nobody does.
  std::function<Status(const HotBlob& blob, const std::function<bool()>& ended)> read_frames;
};

struct PrefetchOutcome {
  uint64_t present = 0;  // were here already
  uint64_t fetched = 0;
  uint64_t failed = 0;  // do not exist, or could not be kept: readers will see
  uint64_t left = 0;    // huge, without known frames: their readers fetch the parts that they need
};

// Blocks until all of it is there or cannot be, or the disk is full; uses some threads of its own and at most 16 MiB
// beside what the store needs. Lets misses go first: they have their own connections, and both the bundle and large
// blobs pause for them now and then.
Result<PrefetchOutcome> Prefetch(std::span<const HotBlob> blobs, const PrefetchOptions& options);

}  // namespace burrow::cas

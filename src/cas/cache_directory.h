// What the files of a cache directory are: listed, removed, and made trustworthy after a power failure. Blocking.
#pragma once

#include <string>
#include <vector>

#include "cas/cache_layout.h"
#include "cas/eviction_plan.h"

namespace burrow::cas {

// Every blob of a directory "ab/cdef...", with its bytes on the disk. What vanishes meanwhile is passed over.
Result<std::vector<CachedBlob>> ListBlobs(const std::string& directory);

// Writes everything that was stored so far to the disk, and notes that it was.
Status SyncCache(const CacheLayout& layout);

// After a power failure a file may be shorter than it was, or empty, and overlays look at no size. So where the machine
// was started anew since the cache was used last, blobs that came after the last SyncCache are removed, unread: they
// are few, and can be fetched. To be called before anything is served from the cache. Gives how many were removed.
Result<uint64_t> DropUnsynced(const CacheLayout& layout);

}  // namespace burrow::cas

// Open descriptors of the blobs that were read last, over the node's cache.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "cas/blob_cache.h"

namespace burrow::imagefs {

// Any thread.
class BlobFiles {
 public:
  using File = std::shared_ptr<const UniqueFd>;
  // Keeps at most `capacity` descriptors open beside those in use. `cache` is not owned.
  BlobFiles(cas::BlobCache* cache, size_t capacity) : cache_(cache), capacity_(capacity) {}

  // The blob if it is local; never waits for the network. Null otherwise.
  File FindLocal(const cas::Digest& digest, uint64_t size);
  // The blob, fetched as a whole where it is absent: up to the fetch deadline.
  Result<File> Fetch(const cas::Digest& digest, uint64_t size);

 private:
  struct Slot {
    cas::Digest digest;
    File file;
  };
  File Find(const cas::Digest& digest);
  File Keep(const cas::Digest& digest, UniqueFd fd);

  cas::BlobCache* cache_;
  const size_t capacity_;
  std::mutex mutex_;
  std::list<Slot> recent_;                                                // guarded by mutex_; front: used last
  std::unordered_map<cas::Digest, std::list<Slot>::iterator> by_digest_;  // guarded by mutex_
};

}  // namespace burrow::imagefs

// A large blob of which only those frames are fetched that somebody reads, each verified by the blob's frame table. The
// rest follows in the background; then the blob takes its place in the cache.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>

#include "cas/blob_cache.h"
#include "cas/blob_store.h"

namespace burrow::cas {

struct LargeBlob {
  Digest digest;
  uint64_t size = 0;
  Digest frames;  // of its frame table, see frames.h
};

// Any thread.
class PartialBlob {
 public:
  virtual ~PartialBlob() = default;
  // Fills `out` from `offset`; kOutOfRange beyond the end. Fetches the frames it lacks, each once however many threads
  // ask: up to the remote's deadline. kDataLoss where the bytes do not fit the frame table. A frame that finds the disk
  // full is served all the same.
  virtual Status Read(uint64_t offset, std::span<char> out) = 0;
};

struct PartialBlobsOptions {
  BlobCache* cache = nullptr;   // holds frame tables, and the blob once it is whole; not owned
  BlobStore* remote = nullptr;  // not owned
  // Runs work that nobody waits for, later, on any thread: read-ahead and the rest of a blob.
  std::function<void(std::function<void()>)> run_later;
  size_t max_open = 64;  // blobs that are kept while nobody reads them
  // How long frames that come damaged are asked for again, with growing pauses; three times at once in any case.
  std::chrono::milliseconds patience{0};
};

// Any thread. `run_later` must have run or dropped all its work before this ends.
class PartialBlobs {
 public:
  explicit PartialBlobs(PartialBlobsOptions options) : options_(std::move(options)) {}
  // Fetches the frame table first. What was fetched of a blob is forgotten when it is dropped before it is whole, which
  // happens to those read the longest time ago, or with the process.
  Result<std::shared_ptr<PartialBlob>> Open(const LargeBlob& blob);

 private:
  struct Slot {
    Digest digest;
    std::shared_ptr<PartialBlob> blob;
  };
  std::shared_ptr<PartialBlob> Find(const Digest& digest);

  const PartialBlobsOptions options_;
  std::mutex mutex_;
  std::list<Slot> recent_;                                 // guarded by mutex_; front: used last
  std::map<Digest, std::list<Slot>::iterator> by_digest_;  // guarded by mutex_
};

}  // namespace burrow::cas

// A node's directory of fetched blobs in front of a remote store. Shared by processes: each fetches what it lacks, and
// a blob appears by rename. Layout: "blobs/ab/cdef..." are the blobs; "linked/ab/cdef..." are hard links to those for
// which Link was called, so that an overlay can have both directories as data layers.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cas/blob_store.h"
#include "cas/disk_blob_store.h"

namespace burrow::cas {

// The two directories of a cache.
struct CacheLayout {
  explicit CacheLayout(std::string cache_directory) : root(std::move(cache_directory)) {}
  std::string root;
  std::string Blobs() const { return root + "/blobs"; }
  std::string Linked() const { return root + "/linked"; }
};

class BlobCache {
 public:
  // `remote` is not owned.
  static Result<std::unique_ptr<BlobCache>> Open(const std::string& directory, BlobStore* remote);
  ~BlobCache();

  // The blob as a local file. Absent: fetched once however many threads ask, verified, then renamed into place.
  // Blocks up to the remote's deadline. A fetch that failed is told to all who waited for it; the next call tries
  // again. A local file of another size than `size` (a power failure may cut what was not synced) is fetched again.
  // Thread-safe.
  Result<UniqueFd> OpenBlob(const Digest& digest, std::optional<uint64_t> size = std::nullopt);
  // The blob if it is here already: never waits for the network. kNotFound otherwise.
  Result<UniqueFd> OpenLocal(const Digest& digest, std::optional<uint64_t> size = std::nullopt);
  // Whole content up to `limit` bytes, verified also where it was here already.
  Result<std::string> Read(const Digest& digest, uint64_t limit);
  // Links a local blob, see linked_blobs.h: false where it cannot be and the overlay finds it in "blobs" alone.
  Result<bool> Link(const Digest& digest);
  // Forgets a local blob whose bytes turned out to be bad, and its link, so that it is fetched again.
  Status Remove(const Digest& digest);
  uint64_t fetched_blobs() const;
  uint64_t fetched_bytes() const;

 private:
  struct State;
  explicit BlobCache(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace burrow::cas

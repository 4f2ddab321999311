// A node's directory of fetched blobs in front of a remote store. Shared by processes: each fetches what it lacks, and
// a blob appears by rename. Layout: "blobs/ab/cdef..." are the blobs; "linked/ab/cdef..." are hard links to those for
// which Link was called, so that an overlay can have both directories as data layers.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "cas/blob_store.h"
#include "cas/cache_layout.h"
#include "cas/cache_signals.h"
#include "cas/disk_blob_store.h"

namespace burrow::cas {

struct BlobCacheOptions {
  std::string directory;
  BlobStore* remote = nullptr;            // not owned
  std::shared_ptr<CacheSignals> signals;  // of the cache's keeper; null: of this process alone, and nobody evicts
  // A small filesystem in memory, with the layout of "blobs", for what the disk has no room for even after eviction; to
  // be the data layer after "blobs" in overlays. Empty: a full disk is then an error. Shared like `directory`.
  std::string overflow_directory;
  // A blob stays there for so long at least: whoever asked for it is about to open it.
  std::chrono::milliseconds overflow_stay{5'000};
  // How long bytes that come damaged are asked for again, with growing pauses; three times at once in any case.
  std::chrono::milliseconds patience{0};
};

class BlobCache {
 public:
  static Result<std::unique_ptr<BlobCache>> Open(BlobCacheOptions options);
  static Result<std::unique_ptr<BlobCache>> Open(const std::string& directory, BlobStore* remote);
  ~BlobCache();

  // The blob as a local file. Absent: fetched once however many threads ask, verified, then renamed into place.
  // Blocks up to the remote's deadline. A fetch that failed is told to all who waited for it; the next call tries
  // again. A local file of another size than `size` (a power failure may cut what was not synced) is fetched again.
  // A full disk: asks the keeper for room, then stores the blob in `overflow_directory`, where older ones make room;
  // kResourceExhausted when it does not fit there either. Thread-safe.
  Result<UniqueFd> OpenBlob(const Digest& digest, std::optional<uint64_t> size = std::nullopt);
  // The blob if it is here already: never waits for the network. kNotFound otherwise.
  Result<UniqueFd> OpenLocal(const Digest& digest, std::optional<uint64_t> size = std::nullopt);
  // Whether OpenLocal would find it; counts as no hit.
  bool Has(const Digest& digest) const;
  // Stores bytes that were fetched ahead, and verified. Cheap where they are here;
  // kResourceExhausted on a full disk, without asking for room: nobody waits for them.
  Status Store(const Digest& digest, std::string_view data);
  // Fetches a blob that nobody waits for yet, as OpenBlob does, but counts as prefetched. `watch`, which may be absent,
  // sees each piece that comes; its error ends the fetch, which those who wait for the blob by then begin anew.
  Status FetchAhead(const Digest& digest, const BlobSink& watch = {});
  // A file without a name for a blob that comes in parts: in "blobs" or, on a full disk, where Adopt cannot take it.
  Result<UniqueFd> NewFile();
  // Takes in a whole and verified file of NewFile.
  Status Adopt(const Digest& digest, int fd, uint64_t size);
  // Whole content up to `limit` bytes, verified also where it was here already.
  Result<std::string> Read(const Digest& digest, uint64_t limit);
  // Links a local blob, see linked_blobs.h: false where it cannot be and the overlay finds it in "blobs" alone.
  Result<bool> Link(const Digest& digest);
  // Forgets a local blob whose bytes turned out to be bad, and its link, so that it is fetched again.
  Status Remove(const Digest& digest);
  uint64_t fetched_blobs() const;
  uint64_t fetched_bytes() const;
  CacheSignals& signals() const;
  const CacheLayout& layout() const;

 private:
  struct State;
  explicit BlobCache(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace burrow::cas

// Packs that were asked for more than once, as they were sent: nodes that start the same image ask for the same blobs.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "cas/digest.h"

namespace burrow::api {

struct PackCacheOptions {
  std::string directory;              // of files without names: nothing of them is left when the process ends
  uint64_t max_bytes = 1ull << 30;    // of all of them; the one used longest ago goes first
  uint64_t least_bytes = 1ull << 20;  // smaller ones are made faster than found
  uint64_t keep_free = 1ull << 30;    // bytes of the disk that packs leave alone
};

// A pack that is whole. Whoever holds it may read it, even when the cache has dropped it.
struct KeptPack {
  UniqueFd file;
  uint64_t bytes = 0;
};

// A pack while it is made: what is appended is kept, or nothing where the disk refuses. One thread at a time.
class PackDraft {
 public:
  explicit PackDraft(UniqueFd file) : file_(std::move(file)) {}
  void Append(std::string_view data);

 private:
  friend class PackCache;
  UniqueFd file_;  // invalid once something went wrong
  uint64_t bytes_ = 0;
};

// Thread-safe; blocks.
class PackCache {
 public:
  explicit PackCache(PackCacheOptions options) : options_(std::move(options)) {}

  // Null where it is not here. `request`: the digest of what was asked for, in order.
  std::shared_ptr<const KeptPack> Find(const cas::Digest& request);
  // Null where the request comes for the first time, as far as the last ones are remembered.
  std::unique_ptr<PackDraft> Begin(const cas::Digest& request);
  void Keep(const cas::Digest& request, PackDraft draft);

 private:
  struct Entry {
    cas::Digest request;
    std::shared_ptr<const KeptPack> pack;
  };

  const PackCacheOptions options_;
  std::mutex mutex_;
  // All guarded by mutex_.
  std::list<Entry> entries_;      // the one used last is in front
  std::deque<cas::Digest> seen_;  // requests without a pack
  uint64_t bytes_ = 0;
};

}  // namespace burrow::api

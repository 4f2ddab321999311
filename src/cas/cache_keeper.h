// Keeps a cache directory within its quota and the disk from filling up. One keeper per cache, in the worker; all
// processes of the cache share its CacheSignals.
//
// What is evicted: the blobs whose images were used the longest time ago. Hits do not count, because an overlay serves
// them without asking anybody: a blob is as recent as the last use of any image that has it, else as its arrival.
// What is never evicted: blobs of a lease, and what came or was linked within the last minute.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cas/cache_signals.h"
#include "cas/digest.h"

namespace burrow::cas {

struct CacheKeeperOptions {
  std::string directory;                  // the cache's
  std::shared_ptr<CacheSignals> signals;  // that every process of the cache has
  uint64_t quota_bytes = 0;               // 0: 80 % of the filesystem
  uint64_t free_bytes = 0;                // to be left free; 0: 5 % of the filesystem, at most 2 GiB
  // The blobs of an image whose index is in the cache, frame tables included; never waits for the network. Any thread.
  std::function<Result<std::vector<Digest>>(const Digest& index)> blobs_of_image;
  const Clock* clock = nullptr;  // not owned
};

class CacheKeeper;

// Holds blobs in the cache while it lives; must not outlive its keeper. Any thread.
class CacheLease {
 public:
  CacheLease() = default;
  CacheLease(CacheLease&& other) noexcept;
  CacheLease& operator=(CacheLease&& other) noexcept;
  ~CacheLease();

 private:
  friend class CacheKeeper;
  CacheLease(CacheKeeper* keeper, uint64_t id) : keeper_(keeper), id_(id) {}
  CacheKeeper* keeper_ = nullptr;
  uint64_t id_ = 0;
};

// Any thread. Evicts on a thread of its own; no fetch waits for it but one that found the disk full.
class CacheKeeper {
 public:
  // Also removes what a power failure may have cut (see cache_directory.h): open it before anything reads the cache.
  static Result<std::unique_ptr<CacheKeeper>> Open(CacheKeeperOptions options);
  ~CacheKeeper();

  // To be taken when the index is in the cache and nothing is mounted yet, and dropped after the unmount; both ends are
  // noted as uses of the image. Fails as blobs_of_image does.
  Result<CacheLease> LeaseImage(const Digest& index);
  // Whether it need not ask blobs_of_image for that.
  bool Remembers(const Digest& index) const;
  // The same for blobs that no image has. Blobs need not be there yet.
  CacheLease LeaseBlobs(std::vector<Digest> blobs);
  // Bytes of the cache on the disk: counted by the last pass, and what was stored since.
  uint64_t used_bytes() const;
  uint64_t quota_bytes() const;

 private:
  friend class CacheLease;
  struct State;
  explicit CacheKeeper(std::unique_ptr<State> state);
  void Release(uint64_t id);
  std::unique_ptr<State> state_;
};

}  // namespace burrow::cas

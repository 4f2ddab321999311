// Removes blobs that nothing needs and that nobody put or asked for within the time of grace.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cas/blob_store.h"
#include "cas/blob_uses.h"
#include "control/blob_roots.h"

namespace burrow::control {

struct CollectedBlobs {
  uint64_t blobs = 0, bytes = 0;                  // all that were there
  uint64_t needed_blobs = 0;                      // of these, those that something needs
  uint64_t recent_blobs = 0;                      // not needed, but kept for the grace
  uint64_t removed_blobs = 0, removed_bytes = 0;  // or, in a dry run, what would be
};

struct BlobCollectorParts {
  store::Store& store;
  cas::BlobStore& blobs;  // not guarded: what is listed here is no use
  cas::BlobUses& uses;
  const Clock& clock;
};

// One Collect at a time; it blocks, on any thread.
class BlobCollector {
 public:
  explicit BlobCollector(BlobCollectorParts parts) : p_(parts) {}

  // What is in memory alone needs: blobs, and all that trees need.
  struct InMemory {
    BlobSet blobs;
    std::vector<std::string> trees;  // digests of indexes, hex
  };
  // A collection that is killed, or ends with an error, has removed only what may
  // be removed.
  Result<CollectedBlobs> Collect(const InMemory& needed, bool dry_run);
  // Any thread: the collection that runs ends soon, with kCancelled.
  void Stop() { stopping_ = true; }

 private:
  struct Candidate {
    cas::Digest digest;
    uint64_t size;
  };
  Result<std::vector<Candidate>> FindGarbage(const BlobSet& stored, const BlobSet& needed, CollectedBlobs& counts);
  Status RemoveAll(std::span<const Candidate> garbage, CollectedBlobs& counts);
  Status CheckStopping() const;

  BlobCollectorParts p_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace burrow::control

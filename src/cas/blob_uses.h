// Which blobs were put or asked for lately, so that none is removed between "it is there" and the record that needs it.
// Thread-safe. Kept in files of one directory, which the death of the process does not take away.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cas/digest.h"

namespace burrow::cas {

class BlobUses {
 public:
  // Uses count for at least `grace`. `clock` outlives this.
  static Result<std::unique_ptr<BlobUses>> Open(const std::string& directory, const Clock& clock, Millis grace);
  ~BlobUses();

  // While this lives none of its blobs is removed. The BlobUses outlives it.
  class Hold {
   public:
    Hold(Hold&&) noexcept = default;
    ~Hold();

   private:
    friend class BlobUses;
    Hold(BlobUses* uses, std::span<const Digest> digests) : uses_(uses), digests_(digests.begin(), digests.end()) {}
    BlobUses* uses_;
    std::vector<Digest> digests_;  // empty after a move
  };
  // Waits while some of these are being removed.
  Hold Keep(std::span<const Digest> digests);
  // They are used now, and for the time of grace.
  Status Record(std::span<const Digest> digests);

  // Of the candidates those that nobody holds and that no record protects; until EndRemoval, Keep waits for them.
  // One removal at a time.
  std::vector<Digest> BeginRemoval(std::span<const Digest> candidates);
  void EndRemoval();
  // The same without beginning anything.
  bool InUse(const Digest& digest);
  Millis grace() const;

 private:
  struct State;
  explicit BlobUses(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace burrow::cas

// What the parts of PackedBlobStore share. Private to packed_*.cc.
#pragma once

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "cas/frame_cache.h"
#include "cas/pack_index.h"
#include "cas/pack_journal.h"
#include "cas/packed_blob_store.h"

namespace burrow::cas {

struct PackedBlobStore::State {
  using Bytes = std::shared_ptr<const std::string>;

  // Blobs that become one pack. The bytes are in `pending`.
  struct Batch {
    std::vector<PackJournal> journals;  // the last is appended to, unless it was replayed
    bool appendable = false;
    std::vector<Digest> order;
    uint64_t bytes = 0;
    bool sealing = false;  // a thread makes its pack
  };
  // Where a small blob is.
  struct Place {
    Bytes pending;                       // in no pack yet, or
    std::optional<PackLocation> packed;  // here
    PackIndex::Frame frame;
    Digest pack;
    uint64_t size() const { return pending ? pending->size() : packed->size; }
  };

  PackedBlobStoreOptions options;
  UniqueFd lock;
  std::unique_ptr<BlobStore> large, packs;
  FrameCache frames{0};
  SystemClock clock;

  std::mutex compacting;  // taken before `mutex`
  mutable std::mutex mutex;
  std::condition_variable sealed;
  // All of it guarded by mutex.
  PackIndex index;
  std::unordered_map<Digest, Bytes> pending;
  std::list<std::shared_ptr<Batch>> full;  // those that are being sealed, or failed to be
  std::shared_ptr<Batch> open;             // takes blobs; never null
  uint64_t next_journal = 0;
  std::unordered_set<Digest> suspects;  // damaged when last read: counted as missing, so that they are stored again

  State(PackedBlobStoreOptions o, std::unique_ptr<BlobStore> l, std::unique_ptr<BlobStore> p)
      : options(std::move(o)), large(std::move(l)), packs(std::move(p)), frames(options.cache_bytes) {}

  // packed_blob_store.cc: reading.
  std::optional<Place> Locate(const Digest& digest) const;
  bool Known(const Digest& digest) const;  // and not suspect
  Result<Bytes> ReadFrame(const Place& place);
  // Bytes of a small blob, not verified; kDataLoss where its pack is damaged.
  Result<std::string> ReadPlace(const Digest& digest, Place place);
  Result<std::string> ReadVerified(const Digest& digest, const Place& place);

  // packed_intake.cc: blobs into packs.
  Status Replay();
  Status PutSmall(const Digest& digest, std::string_view data);
  Status Append(const Digest& digest, std::string_view data);  // holds mutex
  // Makes the pack of a full batch. The caller has set `sealing`.
  Status Seal(const std::shared_ptr<Batch>& batch);
  // Seals every full batch, and waits for those that others seal.
  Status SealFull();

  // packed_compaction.cc
  Status Compact();
};

// A pack in memory, under its name.
struct BuiltPack {
  std::string bytes;
  Digest name;
  std::vector<PackFrame> frames;
};
Result<BuiltPack> BuildPack(const std::vector<std::pair<Digest, std::shared_ptr<const std::string>>>& blobs);

}  // namespace burrow::cas

// Blobs in two stores: small ones (below kSmallBlob) in packs of zstd frames, large ones as they are. What is put is in
// a local journal at once, so that it survives the death of the process; it becomes a pack when enough has come, or by
// Sync. Small blobs that lie in the store of large ones are found too.
#pragma once

#include <memory>
#include <string>

#include "cas/blob_store.h"

namespace burrow::cas {

struct PackedBlobStoreOptions {
  // Local, this store's own (made 0700): the journal, and the index, about 40 bytes a small blob on disk and twice that
  // in memory.
  std::string directory;
  uint64_t pack_bytes = 8u << 20;    // of blobs, before compression, that make a pack
  uint64_t cache_bytes = 64u << 20;  // decoded frames
};

struct PackCounts {
  uint64_t packs = 0, blobs = 0;  // in packs
  uint64_t waiting = 0;           // blobs in no pack yet
};

class PackedBlobStore final : public BlobStore {
 public:
  // kFailedPrecondition where another process has the directory.
  static Result<std::unique_ptr<PackedBlobStore>> Open(PackedBlobStoreOptions options, std::unique_ptr<BlobStore> large,
                                                       std::unique_ptr<BlobStore> packs);
  ~PackedBlobStore() override;

  Result<bool> Has(const Digest& digest) override;
  Result<std::vector<Digest>> Missing(const std::vector<Digest>& digests) override;
  Result<uint64_t> Size(const Digest& digest) override;
  Status Get(const Digest& digest, const BlobSink& sink) override;
  Status GetRange(const Digest& digest, uint64_t offset, uint64_t length, const BlobSink& sink) override;
  Status Put(const Digest& digest, std::string_view data) override;
  Status PutFile(const Digest& digest, int fd) override;
  Result<std::unique_ptr<BlobWriter>> StartBlob() override;
  Status Sync() override;  // everything is in packs then, and both stores are synced
  Status Remove(const Digest& digest) override;
  Status List(const BlobVisitor& visit) override;
  // Rewrites packs of which less than half is left, and joins small ones.
  Status Compact() override;
  Result<UniqueFd> OpenBlob(const Digest& digest) override;  // of large ones, where their store has files
  PackCounts counts() const;

 private:
  struct State;
  explicit PackedBlobStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace burrow::cas

// Blobs as files "<directory>/ab/cdef..." of one local directory. A blob appears whole or not at all (temporary file
// and rename); what a killed process left half-written is removed at the next Open. Several processes may use one
// directory.
#pragma once

#include <memory>
#include <string>

#include "cas/blob_store.h"

namespace burrow::cas {

// A blob being received by pieces. One thread. Dropped without Commit: nothing remains. May outlive its store.
class DiskBlobWriter final : public BlobWriter {
 public:
  DiskBlobWriter(DiskBlobWriter&&) noexcept;
  DiskBlobWriter& operator=(DiskBlobWriter&&) noexcept;
  ~DiskBlobWriter() override;
  Status Append(std::string_view data) override;
  Status Commit(const Digest& expected) override;

 private:
  friend class DiskBlobStore;
  struct State;
  explicit DiskBlobWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class DiskBlobStore final : public BlobStore {
 public:
  // Makes the directory (0700) where it is missing.
  static Result<std::unique_ptr<DiskBlobStore>> Open(const std::string& directory);
  ~DiskBlobStore() override;

  // Where the source of the bytes verifies them, and nothing is committed unless it did, they are not hashed again.
  enum class Bytes { kToVerify, kVerifiedBySource };
  Result<DiskBlobWriter> NewWriter(Bytes bytes = Bytes::kToVerify);
  // Put for bytes that were verified.
  Status PutVerified(const Digest& digest, std::string_view data) {
    return Put(digest, data, Bytes::kVerifiedBySource);
  }

  Result<bool> Has(const Digest& digest) override;
  Result<std::vector<Digest>> Missing(const std::vector<Digest>& digests) override;
  Result<uint64_t> Size(const Digest& digest) override;
  Status Get(const Digest& digest, const BlobSink& sink) override;
  Status GetRange(const Digest& digest, uint64_t offset, uint64_t length, const BlobSink& sink) override;
  Status Put(const Digest& digest, std::string_view data) override;
  Status PutFile(const Digest& digest, int fd) override;
  Result<std::unique_ptr<BlobWriter>> StartBlob() override;
  Status Sync() override;                        // one syncfs; a single Put is not durable before
  Status Remove(const Digest& digest) override;  // descriptors that are open keep it
  Status List(const BlobVisitor& visit) override;
  Result<UniqueFd> OpenBlob(const Digest& digest) override;  // kNotFound where the blob is not there

 private:
  friend class DiskBlobWriter;
  struct Directory;  // shared with writers
  Status Put(const Digest& digest, std::string_view data, Bytes bytes);
  explicit DiskBlobStore(std::shared_ptr<Directory> directory);
  std::shared_ptr<Directory> directory_;
};

}  // namespace burrow::cas

// Blobs as files "<directory>/ab/cdef..." of one local directory. A blob appears whole or not at all (temporary file
// and rename); what a killed process left half-written is removed at the next Open. Several processes may use one
// directory.
#pragma once

#include <memory>
#include <string>

#include "cas/blob_store.h"

namespace burrow::cas {

// A blob being received by pieces. One thread. Dropped without Commit: nothing remains. May outlive its store.
class DiskBlobWriter {
 public:
  DiskBlobWriter(DiskBlobWriter&&) noexcept;
  DiskBlobWriter& operator=(DiskBlobWriter&&) noexcept;
  ~DiskBlobWriter();
  // kResourceExhausted where the disk is full.
  Status Append(std::string_view data);
  // kInvalidArgument if the bytes are not those of `expected`.
  Status Commit(const Digest& expected);

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

  // A read-only descriptor of the blob's file. Its bytes were verified when they were stored, not now.
  Result<UniqueFd> OpenBlob(const Digest& digest);
  Result<DiskBlobWriter> NewWriter();
  Result<uint64_t> Size(const Digest& digest);
  // Forgets a blob, for instance one whose bytes went bad; descriptors that are open keep it. Not there: no error.
  Status Remove(const Digest& digest);

  Result<bool> Has(const Digest& digest) override;
  Result<std::vector<Digest>> Missing(const std::vector<Digest>& digests) override;
  Status Get(const Digest& digest, const BlobSink& sink) override;
  Status Put(const Digest& digest, std::string_view data) override;
  Status PutFile(const Digest& digest, int fd) override;
  Status Sync() override;  // one syncfs; a single Put is not durable before

 private:
  friend class DiskBlobWriter;
  struct Directory;  // shared with writers
  explicit DiskBlobStore(std::shared_ptr<Directory> directory);
  std::shared_ptr<Directory> directory_;
};

}  // namespace burrow::cas

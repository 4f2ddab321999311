// Blobs by digest: the interface that the local directory, the HTTP client and later stores implement.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "cas/digest.h"

namespace burrow::cas {

// Receives a blob's bytes in order; an error ends the transfer.
using BlobSink = std::function<Status(std::string_view)>;

// Implementations are thread-safe and block.
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  virtual Result<bool> Has(const Digest& digest) = 0;
  // Of these, those that are not there. Order is kept.
  virtual Result<std::vector<Digest>> Missing(const std::vector<Digest>& digests) = 0;
  // Streams the whole blob; kNotFound if it is not there, kDataLoss if its bytes do not hash to its name
  // (the sink may then have seen wrong bytes: use them only after success).
  virtual Status Get(const Digest& digest, const BlobSink& sink) = 0;
  // Stores bytes; kInvalidArgument if they do not hash to `digest`. Storing what is there already is cheap and no
  // error.
  virtual Status Put(const Digest& digest, std::string_view data) = 0;
  // Stores a file's bytes from offset 0 to its end.
  virtual Status PutFile(const Digest& digest, int fd) = 0;
  // Makes everything that was put durable.
  virtual Status Sync() = 0;
};

// Reads a blob of at most `limit` bytes into memory; kOutOfRange above that.
Result<std::string> GetAll(BlobStore& store, const Digest& digest, uint64_t limit);

}  // namespace burrow::cas

// Blobs by digest: the interface that the local directory, packs, the HTTP client and S3 implement.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "cas/digest.h"

namespace burrow::cas {

// Blobs below this size travel and lie in packs.
inline constexpr uint64_t kSmallBlob = 64u << 10;
// The largest blob that GetMany brings.
inline constexpr uint64_t kManyLimit = 4u << 20;

// Receives a blob's bytes in order; an error ends the transfer.
using BlobSink = std::function<Status(std::string_view)>;

struct BlobInfo {
  uint64_t size = 0;
  uint64_t stored_ms = 0;  // Unix time when it came, or later
};
// Sees one blob of a list; an error ends the list.
using BlobVisitor = std::function<Status(const Digest&, const BlobInfo&)>;

// One blob among many, in memory.
struct BlobBytes {
  Digest digest;
  std::string_view data;
};
// Receives one verified blob of GetMany, valid during the call; an error ends the transfer at once.
using ManySink = std::function<Status(const Digest&, std::string_view)>;
struct GetManyOptions {
  // Asked between pieces, by the calling thread: true ends the transfer with kCancelled. May be absent.
  std::function<bool()> cancelled;
};

// A blob being stored by pieces. One thread. Dropped without Commit: nothing remains. Its store outlives it.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  // kResourceExhausted where there is no room for it.
  virtual Status Append(std::string_view data) = 0;
  // Once. kInvalidArgument if the bytes are not those of `expected`.
  virtual Status Commit(const Digest& expected) = 0;
};

// Implementations are thread-safe and block.
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  virtual Result<bool> Has(const Digest& digest) = 0;
  // Of these, those that are not there. Order is kept.
  virtual Result<std::vector<Digest>> Missing(const std::vector<Digest>& digests) = 0;
  virtual Result<uint64_t> Size(const Digest& digest) = 0;  // kNotFound
  // Streams the whole blob; kNotFound if it is not there, kDataLoss if its bytes do not hash to its name
  // (the sink may then have seen wrong bytes: use them only after success).
  virtual Status Get(const Digest& digest, const BlobSink& sink) = 0;
  // Streams exactly `length` bytes from `offset`. They are not verified: the caller does, or knows that it need not.
  // kNotFound; kOutOfRange where the blob ends before (the sink may have seen what there is).
  virtual Status GetRange(const Digest& digest, uint64_t offset, uint64_t length, const BlobSink& sink) = 0;
  // Stores bytes; kInvalidArgument if they do not hash to `digest`. Storing what is there already is cheap and no
  // error.
  virtual Status Put(const Digest& digest, std::string_view data) = 0;
  // Stores a file's bytes from offset 0 to its end.
  virtual Status PutFile(const Digest& digest, int fd) = 0;
  // A blob whose bytes come one after another. kUnimplemented where the store takes whole ones only.
  virtual Result<std::unique_ptr<BlobWriter>> StartBlob();
  // Makes everything that was put durable.
  virtual Status Sync() = 0;

  // Stores many small blobs, as Put does each. An error says nothing about which of them are stored.
  virtual Status PutMany(std::span<const BlobBytes> blobs);
  // Hands the blobs to `sink` in this order, on the calling thread. Gives those that did not come: absent, damaged, or
  // larger than kManyLimit. Bytes that were handed over are verified.
  virtual Result<std::vector<Digest>> GetMany(std::span<const Digest> digests, const ManySink& sink,
                                              const GetManyOptions& options);

  // The rest is for the owner of the store; what is not local answers kUnimplemented where it is not its business.
  // Forgets a blob; transfers that run may fail. Not there: no error.
  virtual Status Remove(const Digest& digest) = 0;
  // Every blob once, in no order. What comes or goes meanwhile may be seen or not.
  virtual Status List(const BlobVisitor& visit) = 0;
  // Gives back the space of what was removed, where that is not done at once.
  virtual Status Compact() { return {}; }
  // The blob as a file, for stores that have one: kUnimplemented otherwise, or where this blob has none. Its bytes were
  // verified when they were stored, not now.
  virtual Result<UniqueFd> OpenBlob(const Digest& digest);
};

// Reads a blob of at most `limit` bytes into memory; kOutOfRange above that.
Result<std::string> GetAll(BlobStore& store, const Digest& digest, uint64_t limit);

}  // namespace burrow::cas

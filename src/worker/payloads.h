// Values on their way between control and a runner: small ones inline, larger ones through the blob store and a file.
#pragma once

#include <memory>
#include <string>

#include "burrow/v1/common.pb.h"
#include "cas/blob_store.h"
#include "net/blocking_pool.h"
#include "net/task.h"
#include "worker/spool.h"

namespace burrow::worker {

// True when Fetch would have to ask the blob store.
inline bool IsRemote(const burrow::v1::Payload& payload) { return payload.data_case() == burrow::v1::Payload::kDigest; }

// A value as it came from a runner. What is over kMaxBodyInMemory lies in a file.
struct RunnerBody {
  std::string bytes;
  std::shared_ptr<Spool> large;  // null: `bytes` are whole
};

class Payloads {
 public:
  // Neither is owned. Large values lie in files without names in `directory`.
  Payloads(cas::BlobStore* store, net::BlockingPool* pool, std::string directory)
      : store_(store), pool_(pool), directory_(std::move(directory)) {}

  // The bytes; kOutOfRange above the 2 GiB of a frame.
  net::Task<Result<std::string>> Fetch(burrow::v1::Payload payload);
  // The bytes of a remote payload in a file; kOutOfRange as above.
  net::Task<Result<std::shared_ptr<Spool>>> FetchFile(burrow::v1::Payload payload);
  // Puts a large value, which was written whole, into the store.
  net::Task<Result<burrow::v1::Payload>> Pack(RunnerBody value);

  const std::string& directory() const { return directory_; }
  net::BlockingPool& pool() const { return *pool_; }

 private:
  cas::BlobStore* store_;
  net::BlockingPool* pool_;
  std::string directory_;
};

}  // namespace burrow::worker

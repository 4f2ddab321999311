// Values on their way between control and a runner: small ones inline, larger ones through the blob store.
#pragma once

#include <string>

#include "burrow/v1/common.pb.h"
#include "cas/blob_store.h"
#include "net/blocking_pool.h"
#include "net/task.h"

namespace burrow::worker {

inline constexpr size_t kMaxInlinePayload = 1u << 20;

// True when Fetch would have to ask the blob store.
inline bool IsRemote(const burrow::v1::Payload& payload) { return payload.data_case() == burrow::v1::Payload::kDigest; }

class Payloads {
 public:
  // Neither is owned.
  Payloads(cas::BlobStore* store, net::BlockingPool* pool) : store_(store), pool_(pool) {}

  // The bytes; kOutOfRange above the 256 MiB of a frame.
  net::Task<Result<std::string>> Fetch(burrow::v1::Payload payload);
  // Puts what is over 1 MiB into the store.
  net::Task<Result<burrow::v1::Payload>> Pack(std::string value);

 private:
  cas::BlobStore* store_;
  net::BlockingPool* pool_;
};

}  // namespace burrow::worker

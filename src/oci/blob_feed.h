// The way of a layer's content into the store: several readers give, a few threads put, small blobs in batches.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/unique_fd.h"
#include "cas/blob_store.h"

namespace burrow::oci {

struct BlobFeedOptions {
  unsigned threads = 4;
  uint64_t waiting_bytes = 64u << 20;  // more than that makes readers wait
};

// Thread-safe. Dropped without Finish: what waits is not put.
class BlobFeed {
 public:
  // The store outlives it.
  explicit BlobFeed(cas::BlobStore& store, BlobFeedOptions options = {});
  BlobFeed(const BlobFeed&) = delete;
  BlobFeed& operator=(const BlobFeed&) = delete;
  ~BlobFeed();

  // Takes a blob whose digest the caller has computed. Waits while too much waits; gives the failure of an earlier put.
  Status Add(const cas::Digest& digest, std::string bytes);
  // Puts a large blob from a file, on the calling thread.
  Status AddFile(const cas::Digest& digest, uint64_t size, int fd);
  // Waits until everything is put. More may be added afterwards.
  Status Finish();

  uint64_t new_blobs() const { return new_blobs_; }  // that the store lacked
  uint64_t new_bytes() const { return new_bytes_; }

 private:
  struct Blob {
    cas::Digest digest;
    std::string bytes;
  };
  using Batch = std::vector<Blob>;
  bool FirstTime(const cas::Digest& digest);  // mutex_ is held
  void Post();                                // mutex_ is held
  void Work(const std::stop_token& stop);
  Status Put(const Batch& batch);

  cas::BlobStore& store_;
  const BlobFeedOptions options_;
  std::atomic<uint64_t> new_blobs_ = 0, new_bytes_ = 0;

  std::mutex mutex_;  // guards what follows
  std::condition_variable_any changed_;
  std::unordered_set<cas::Digest> seen_;
  Batch batch_;
  uint64_t batch_bytes_ = 0;
  std::deque<Batch> queue_;
  uint64_t waiting_bytes_ = 0;  // of batch_, queue_ and what is being put
  size_t busy_ = 0;             // batches that are being put
  std::optional<Error> failure_;

  std::vector<std::jthread> threads_;  // last: they end before the rest goes
};

}  // namespace burrow::oci

// A remote store in memory for tests: counts what is asked of it, and can hold answers back.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cas/blob_store.h"

namespace burrow::cas::testing {

// Any thread.
class MemoryBlobStore final : public BlobStore {
 public:
  Digest Add(std::string content) {
    Digest digest = Digest::Of(content);
    std::lock_guard lock(mutex_);
    blobs_[digest] = std::move(content);
    return digest;
  }
  // Single Gets, in order.
  std::vector<Digest> asked() const {
    std::lock_guard lock(mutex_);
    return asked_;
  }

  Result<bool> Has(const Digest& digest) override {
    std::lock_guard lock(mutex_);
    return blobs_.contains(digest);
  }
  Result<std::vector<Digest>> Missing(const std::vector<Digest>& digests) override {
    std::lock_guard lock(mutex_);
    std::vector<Digest> missing;
    for (const Digest& digest : digests) {
      if (!blobs_.contains(digest)) missing.push_back(digest);
    }
    return missing;
  }
  Status Get(const Digest& digest, const BlobSink& sink) override {
    std::string content;
    {
      std::lock_guard lock(mutex_);
      asked_.push_back(digest);
      auto at = blobs_.find(digest);
      if (at == blobs_.end()) return Fail(Code::kNotFound, "no such blob");
      content = at->second;
    }
    return sink(content);
  }
  Status Put(const Digest& digest, std::string_view data) override {
    std::lock_guard lock(mutex_);
    blobs_[digest] = data;
    return {};
  }
  Status PutFile(const Digest&, int) override { return Fail(Code::kUnimplemented, "no files here"); }
  Status Sync() override { return {}; }

 private:
  mutable std::mutex mutex_;
  std::map<Digest, std::string> blobs_;  // guarded by mutex_
  std::vector<Digest> asked_;            // guarded by mutex_
};

}  // namespace burrow::cas::testing

// A remote store in memory for tests: remembers what is asked of it.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>
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

  // Ranges asked for, as offsets, in order.
  std::vector<uint64_t> ranges() const {
    std::lock_guard lock(mutex_);
    return ranges_;
  }
  // The next ranges come with wrong bytes.
  void DamageRanges(int count) {
    std::lock_guard lock(mutex_);
    damaged_ = count;
  }
  // Calls of GetMany, each with what it was asked for.
  std::vector<std::vector<Digest>> bundles() const {
    std::lock_guard lock(mutex_);
    return bundles_;
  }

  // Calls of GetMany do not return until Release.
  void HoldBundles() {
    std::lock_guard lock(mutex_);
    held_ = true;
  }
  void Release() {
    std::lock_guard lock(mutex_);
    held_ = false;
    released_.notify_all();
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
  Result<uint64_t> Size(const Digest& digest) override {
    std::lock_guard lock(mutex_);
    auto at = blobs_.find(digest);
    if (at == blobs_.end()) return Fail(Code::kNotFound, "no such blob");
    return at->second.size();
  }
  Status GetRange(const Digest& digest, uint64_t offset, uint64_t length, const BlobSink& sink) override {
    std::string bytes;
    {
      std::lock_guard lock(mutex_);
      ranges_.push_back(offset);
      auto at = blobs_.find(digest);
      if (at == blobs_.end()) return Fail(Code::kNotFound, "no such blob");
      bytes = at->second.substr(offset, length);
      if (damaged_ > 0) {
        --damaged_;
        bytes[0] ^= 1;
      }
    }
    return sink(bytes);
  }
  Result<std::vector<Digest>> GetMany(std::span<const Digest> digests, const ManySink& sink,
                                      const GetManyOptions& options) override {
    std::vector<std::pair<Digest, std::string>> found;
    std::vector<Digest> absent;
    {
      std::unique_lock lock(mutex_);
      bundles_.emplace_back(digests.begin(), digests.end());
      released_.wait(lock, [&] { return !held_; });
      for (const Digest& digest : digests) {
        auto at = blobs_.find(digest);
        if (at == blobs_.end() || at->second.size() > kManyLimit) {
          absent.push_back(digest);
        } else {
          found.emplace_back(digest, at->second);
        }
      }
    }
    for (const auto& [digest, bytes] : found) {
      if (options.cancelled && options.cancelled()) return Fail(Code::kCancelled, "cancelled");
      BURROW_RETURN_IF_ERROR(sink(digest, bytes));
    }
    return absent;
  }
  Status PutFile(const Digest&, int) override { return Fail(Code::kUnimplemented, "no files here"); }
  Status Remove(const Digest& digest) override {
    std::lock_guard lock(mutex_);
    blobs_.erase(digest);
    return {};
  }
  Status List(const BlobVisitor&) override { return Fail(Code::kUnimplemented, "no list here"); }
  Status Sync() override { return {}; }

 private:
  mutable std::mutex mutex_;
  std::condition_variable released_;
  // All guarded by mutex_.
  std::map<Digest, std::string> blobs_;
  std::vector<Digest> asked_;
  std::vector<uint64_t> ranges_;
  std::vector<std::vector<Digest>> bundles_;
  int damaged_ = 0;
  bool held_ = false;
};

}  // namespace burrow::cas::testing

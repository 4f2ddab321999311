#include "cas/guarded_blob_store.h"

#include <unordered_set>

namespace burrow::cas {
namespace {

class GuardedWriter final : public BlobWriter {
 public:
  GuardedWriter(std::unique_ptr<BlobWriter> writer, BlobUses& uses) : writer_(std::move(writer)), uses_(uses) {}
  Status Append(std::string_view data) override { return writer_->Append(data); }
  Status Commit(const Digest& expected) override {
    auto hold = uses_.Keep({&expected, 1});
    BURROW_RETURN_IF_ERROR(uses_.Record({&expected, 1}));
    return writer_->Commit(expected);
  }

 private:
  std::unique_ptr<BlobWriter> writer_;
  BlobUses& uses_;
};

class GuardedBlobStore final : public BlobStore {
 public:
  GuardedBlobStore(BlobStore& store, BlobUses& uses) : store_(store), uses_(uses) {}

  Result<bool> Has(const Digest& digest) override {
    auto hold = uses_.Keep({&digest, 1});
    auto has = store_.Has(digest);
    if (has && *has) BURROW_RETURN_IF_ERROR(uses_.Record({&digest, 1}));
    return has;
  }
  Result<std::vector<Digest>> Missing(const std::vector<Digest>& digests) override {
    auto hold = uses_.Keep(digests);
    BURROW_ASSIGN_OR_RETURN(auto missing, store_.Missing(digests));
    std::unordered_set<Digest> absent(missing.begin(), missing.end());
    std::vector<Digest> there;
    for (const Digest& digest : digests) {
      if (!absent.contains(digest)) there.push_back(digest);
    }
    BURROW_RETURN_IF_ERROR(uses_.Record(there));
    return missing;
  }
  Result<uint64_t> Size(const Digest& digest) override {
    auto hold = uses_.Keep({&digest, 1});
    auto size = store_.Size(digest);
    if (size) BURROW_RETURN_IF_ERROR(uses_.Record({&digest, 1}));
    return size;
  }
  Status Get(const Digest& digest, const BlobSink& sink) override { return store_.Get(digest, sink); }
  Status GetRange(const Digest& digest, uint64_t offset, uint64_t length, const BlobSink& sink) override {
    return store_.GetRange(digest, offset, length, sink);
  }
  Status Put(const Digest& digest, std::string_view data) override {
    auto hold = uses_.Keep({&digest, 1});
    BURROW_RETURN_IF_ERROR(uses_.Record({&digest, 1}));
    return store_.Put(digest, data);
  }
  Status PutFile(const Digest& digest, int fd) override {
    auto hold = uses_.Keep({&digest, 1});
    BURROW_RETURN_IF_ERROR(uses_.Record({&digest, 1}));
    return store_.PutFile(digest, fd);
  }
  Result<std::unique_ptr<BlobWriter>> StartBlob() override {
    BURROW_ASSIGN_OR_RETURN(auto writer, store_.StartBlob());
    return std::make_unique<GuardedWriter>(std::move(writer), uses_);
  }
  Status PutMany(std::span<const BlobBytes> blobs) override {
    std::vector<Digest> digests;
    digests.reserve(blobs.size());
    for (const BlobBytes& blob : blobs) digests.push_back(blob.digest);
    auto hold = uses_.Keep(digests);
    BURROW_RETURN_IF_ERROR(uses_.Record(digests));
    return store_.PutMany(blobs);
  }
  Result<std::vector<Digest>> GetMany(std::span<const Digest> digests, const ManySink& sink,
                                      const GetManyOptions& options) override {
    return store_.GetMany(digests, sink, options);
  }
  Status Sync() override { return store_.Sync(); }
  Status Remove(const Digest& digest) override { return store_.Remove(digest); }
  Status List(const BlobVisitor& visit) override { return store_.List(visit); }
  Status Compact() override { return store_.Compact(); }
  Result<UniqueFd> OpenBlob(const Digest& digest) override { return store_.OpenBlob(digest); }

 private:
  BlobStore& store_;
  BlobUses& uses_;
};

}  // namespace

std::unique_ptr<BlobStore> NewGuardedBlobStore(BlobStore& store, BlobUses& uses) {
  return std::make_unique<GuardedBlobStore>(store, uses);
}

}  // namespace burrow::cas

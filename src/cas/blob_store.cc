#include "cas/blob_store.h"

namespace burrow::cas {

Result<std::unique_ptr<BlobWriter>> BlobStore::StartBlob() {
  return Fail(Code::kUnimplemented, "this store takes whole blobs only");
}

Result<UniqueFd> BlobStore::OpenBlob(const Digest& digest) {
  return Fail(Code::kUnimplemented, "this store has no file of blob {}", digest.Hex());
}

Status BlobStore::PutMany(std::span<const BlobBytes> blobs) {
  for (const BlobBytes& blob : blobs) BURROW_RETURN_IF_ERROR(Put(blob.digest, blob.data));
  return {};
}

Result<std::vector<Digest>> BlobStore::GetMany(std::span<const Digest> digests, const ManySink& sink,
                                               const GetManyOptions& options) {
  std::vector<Digest> absent;
  for (const Digest& digest : digests) {
    if (options.cancelled && options.cancelled()) return Fail(Code::kCancelled, "no more blobs are wanted");
    auto content = GetAll(*this, digest, kManyLimit);
    if (content) {
      BURROW_RETURN_IF_ERROR(sink(digest, *content));
      continue;
    }
    Code code = content.error().code();
    if (code != Code::kNotFound && code != Code::kDataLoss && code != Code::kOutOfRange) {
      return Forward(std::move(content.error()));
    }
    absent.push_back(digest);
  }
  return absent;
}

Result<std::string> GetAll(BlobStore& store, const Digest& digest, uint64_t limit) {
  std::string content;
  BURROW_RETURN_IF_ERROR(store.Get(digest, [&](std::string_view data) -> Status {
    if (data.size() > limit - content.size()) {
      return Fail(Code::kOutOfRange, "blob {} is larger than {} bytes", digest.Hex(), limit);
    }
    content.append(data);
    return {};
  }));
  return content;
}

}  // namespace burrow::cas

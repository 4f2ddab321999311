#include "imagefs/blob_files.h"

namespace burrow::imagefs {

BlobFiles::File BlobFiles::Find(const cas::Digest& digest) {
  std::lock_guard lock(mutex_);
  auto it = by_digest_.find(digest);
  if (it == by_digest_.end()) return nullptr;
  recent_.splice(recent_.begin(), recent_, it->second);
  return it->second->file;
}

BlobFiles::File BlobFiles::Keep(const cas::Digest& digest, UniqueFd fd) {
  auto file = std::make_shared<const UniqueFd>(std::move(fd));
  File dropped;  // closed outside of the lock
  std::lock_guard lock(mutex_);
  if (auto it = by_digest_.find(digest); it != by_digest_.end()) return it->second->file;
  recent_.push_front({digest, file});
  by_digest_[digest] = recent_.begin();
  if (recent_.size() > capacity_) {
    dropped = std::move(recent_.back().file);
    by_digest_.erase(recent_.back().digest);
    recent_.pop_back();
  }
  return file;
}

BlobFiles::File BlobFiles::FindLocal(const cas::Digest& digest, uint64_t size) {
  if (File file = Find(digest)) return file;
  auto fd = cache_->OpenLocal(digest, size);
  return fd ? Keep(digest, std::move(*fd)) : nullptr;
}

Result<BlobFiles::File> BlobFiles::Fetch(const cas::Digest& digest, uint64_t size) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, cache_->OpenBlob(digest, size));
  return Keep(digest, std::move(fd));
}

}  // namespace burrow::imagefs

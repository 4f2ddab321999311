#include "oci/blob_feed.h"

#include <exception>
#include <unordered_map>

namespace burrow::oci {
namespace {

constexpr size_t kBatchBlobs = 512;
constexpr uint64_t kBatchBytes = 4u << 20;

}  // namespace

BlobFeed::BlobFeed(cas::BlobStore& store, BlobFeedOptions options) : store_(store), options_(options) {
  for (unsigned i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { Work(stop); });
  }
}

BlobFeed::~BlobFeed() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

bool BlobFeed::FirstTime(const cas::Digest& digest) { return seen_.insert(digest).second; }

Status BlobFeed::Add(const cas::Digest& digest, std::string bytes) {
  std::unique_lock lock(mutex_);
  if (failure_) return Forward(*failure_);
  if (!FirstTime(digest)) return {};
  if (waiting_bytes_ >= options_.waiting_bytes) Post();  // else nobody would make room
  changed_.wait(lock, [&] { return waiting_bytes_ < options_.waiting_bytes || failure_; });
  waiting_bytes_ += bytes.size();
  batch_bytes_ += bytes.size();
  batch_.push_back({digest, std::move(bytes)});
  if (batch_.size() >= kBatchBlobs || batch_bytes_ >= kBatchBytes) Post();
  return {};
}

void BlobFeed::Post() {
  if (batch_.empty()) return;
  queue_.push_back(std::exchange(batch_, {}));
  batch_bytes_ = 0;
  changed_.notify_all();
}

Status BlobFeed::AddFile(const cas::Digest& digest, uint64_t size, int fd) {
  {
    std::lock_guard lock(mutex_);
    if (failure_) return Forward(*failure_);
    if (!FirstTime(digest)) return {};
  }
  BURROW_ASSIGN_OR_RETURN(bool has, store_.Has(digest));
  if (has) return {};
  BURROW_RETURN_IF_ERROR(store_.PutFile(digest, fd));
  ++new_blobs_;
  new_bytes_ += size;
  return {};
}

Status BlobFeed::Finish() {
  std::unique_lock lock(mutex_);
  Post();
  changed_.wait(lock, [&] { return (queue_.empty() && busy_ == 0) || failure_; });
  return failure_ ? Status(Forward(*failure_)) : Status();
}

void BlobFeed::Work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return !queue_.empty(); }) && !stop.stop_requested()) {
    Batch batch = std::move(queue_.front());
    queue_.pop_front();
    ++busy_;
    lock.unlock();
    uint64_t bytes = 0;
    for (const Blob& blob : batch) bytes += blob.bytes.size();
    Status put = Put(batch);
    batch.clear();
    lock.lock();
    --busy_;
    waiting_bytes_ -= bytes;
    if (!put && !failure_) failure_ = std::move(put.error());
    changed_.notify_all();
  }
}

Status BlobFeed::Put(const Batch& batch) try {
  std::vector<cas::Digest> digests;
  std::unordered_map<cas::Digest, const Blob*> by_digest;
  for (const Blob& blob : batch) {
    digests.push_back(blob.digest);
    by_digest.emplace(blob.digest, &blob);
  }
  BURROW_ASSIGN_OR_RETURN(auto missing, store_.Missing(digests));
  std::vector<cas::BlobBytes> lacking;
  uint64_t bytes = 0;
  for (const cas::Digest& digest : missing) {
    lacking.push_back({digest, by_digest.at(digest)->bytes});
    bytes += lacking.back().data.size();
  }
  BURROW_RETURN_IF_ERROR(store_.PutMany(lacking));
  new_blobs_ += lacking.size();
  new_bytes_ += bytes;
  return {};
} catch (const std::exception& e) {
  return Fail(Code::kInternal, "store an image's files: {}", e.what());
}

}  // namespace burrow::oci

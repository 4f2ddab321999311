#include "cas/blob_cache.h"

#include <sys/stat.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <unordered_map>

#include "cas/linked_blobs.h"

namespace burrow::cas {
namespace {

// Bytes that were damaged on the way are asked for again; a store that is damaged itself stays so.
constexpr int kDamagedAttempts = 3;

// One fetch under way and all who wait for it.
struct Flight {
  std::optional<Status> outcome;  // guarded by State::mutex
};

}  // namespace

struct BlobCache::State {
  State(std::unique_ptr<DiskBlobStore> blobs_directory, LinkedBlobs links, BlobStore* remote_store)
      : disk(std::move(blobs_directory)), linked(std::move(links)), remote(remote_store) {}

  std::unique_ptr<DiskBlobStore> disk;
  LinkedBlobs linked;
  BlobStore* remote;
  std::mutex mutex;
  std::condition_variable landed;
  std::unordered_map<Digest, std::shared_ptr<Flight>> flights;  // guarded by mutex
  std::atomic<uint64_t> blobs = 0, bytes = 0;

  Status FetchOnce(const Digest& digest);
  Status Fetch(const Digest& digest);
  Status FetchTogether(const Digest& digest);
};

Status BlobCache::State::FetchOnce(const Digest& digest) {
  BURROW_ASSIGN_OR_RETURN(DiskBlobWriter writer, disk->NewWriter());
  uint64_t size = 0;
  BURROW_RETURN_IF_ERROR(remote->Get(digest, [&](std::string_view data) {
    size += data.size();
    return writer.Append(data);
  }));
  BURROW_RETURN_IF_ERROR(writer.Commit(digest));
  blobs.fetch_add(1, std::memory_order_relaxed);
  bytes.fetch_add(size, std::memory_order_relaxed);
  return {};
}

Status BlobCache::State::Fetch(const Digest& digest) {
  try {
    for (int attempt = 1;; ++attempt) {
      Status status = FetchOnce(digest);
      if (status || status.error().code() != Code::kDataLoss || attempt == kDamagedAttempts) return status;
    }
  } catch (const std::exception& e) {  // whoever waits must hear of it
    return Fail(Code::kInternal, "fetch blob {}: {}", digest.Hex(), e.what());
  }
}

Status BlobCache::State::FetchTogether(const Digest& digest) {
  std::unique_lock lock(mutex);
  auto [it, first] = flights.try_emplace(digest);
  if (first) it->second = std::make_shared<Flight>();
  std::shared_ptr<Flight> flight = it->second;
  if (!first) {
    // The one who fetches always ends: its remote store has a deadline.
    landed.wait(lock, [&] { return flight->outcome.has_value(); });
    return *flight->outcome;
  }
  lock.unlock();
  // It may have landed between this caller's look at the disk and now.
  Status status = disk->Size(digest) ? Status() : Fetch(digest);
  lock.lock();
  flight->outcome = status;
  flights.erase(digest);
  landed.notify_all();
  return status;
}

BlobCache::BlobCache(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlobCache::~BlobCache() = default;

Result<std::unique_ptr<BlobCache>> BlobCache::Open(const std::string& directory, BlobStore* remote) {
  CacheLayout layout(directory);
  BURROW_ASSIGN_OR_RETURN(auto disk, DiskBlobStore::Open(layout.Blobs()));
  BURROW_ASSIGN_OR_RETURN(auto linked, LinkedBlobs::Open(layout.Blobs(), layout.Linked()));
  return std::unique_ptr<BlobCache>(new BlobCache(std::make_unique<State>(std::move(disk), std::move(linked), remote)));
}

Result<UniqueFd> BlobCache::OpenLocal(const Digest& digest, std::optional<uint64_t> size) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, state_->disk->OpenBlob(digest));
  if (!size) return fd;
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return FailErrno("stat blob " + digest.Hex());
  if (static_cast<uint64_t>(st.st_size) == *size) return fd;
  BURROW_RETURN_IF_ERROR(Remove(digest));
  return Fail(Code::kNotFound, "blob {} was cut short on disk", digest.Hex());
}

Result<UniqueFd> BlobCache::OpenBlob(const Digest& digest, std::optional<uint64_t> size) {
  auto local = OpenLocal(digest, size);
  if (local || local.error().code() != Code::kNotFound) return local;
  BURROW_RETURN_IF_ERROR(state_->FetchTogether(digest));
  return state_->disk->OpenBlob(digest);
}

Result<std::string> BlobCache::Read(const Digest& digest, uint64_t limit) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, OpenBlob(digest));
  auto content = GetAll(*state_->disk, digest, limit);
  if (content || content.error().code() != Code::kDataLoss) return content;
  BURROW_RETURN_IF_ERROR(Remove(digest));
  BURROW_ASSIGN_OR_RETURN(fd, OpenBlob(digest));
  return GetAll(*state_->disk, digest, limit);
}

Result<bool> BlobCache::Link(const Digest& digest) { return state_->linked.Link(digest); }

// The link first: nobody finds bad bytes there while "blobs" already waits for good ones.
Status BlobCache::Remove(const Digest& digest) {
  BURROW_RETURN_IF_ERROR(state_->linked.Unlink(digest));
  return state_->disk->Remove(digest);
}
uint64_t BlobCache::fetched_blobs() const { return state_->blobs.load(std::memory_order_relaxed); }
uint64_t BlobCache::fetched_bytes() const { return state_->bytes.load(std::memory_order_relaxed); }

}  // namespace burrow::cas

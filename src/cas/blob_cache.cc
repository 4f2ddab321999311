#include "cas/blob_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/clock.h"
#include "cas/cache_directory.h"
#include "cas/eviction_plan.h"
#include "cas/linked_blobs.h"
#include "cas/retry.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

// Bytes that were damaged on the way are asked for again; a store that is damaged itself stays so.
constexpr int kDamagedAttempts = 3;
// How long a fetch that found the disk full waits for eviction.
constexpr std::chrono::milliseconds kRoomDeadline{10'000};
// Where eviction did not help, the disk is not tried again for so long.
constexpr int64_t kFullPauseMs = 2'000;
// What is freed at once in an overflow directory that is full.
constexpr uint64_t kOverflowRoom = 32u << 20;
constexpr std::chrono::milliseconds kOverflowPause{50};

// One fetch under way and all who wait for it.
struct Flight {
  std::optional<Status> outcome;  // guarded by State::mutex
};

bool DiskIsFull(const Status& status) { return !status && status.error().disk_is_full(); }

// By descriptor, since eviction may take the name away meanwhile.
Result<std::string> ReadVerified(int fd, const Digest& digest, uint64_t limit) {
  struct stat st;
  if (::fstat(fd, &st) != 0) return FailErrno("stat blob " + digest.Hex());
  if (static_cast<uint64_t>(st.st_size) > limit) {
    return Fail(Code::kOutOfRange, "blob {} is larger than {} bytes", digest.Hex(), limit);
  }
  std::string content(static_cast<size_t>(st.st_size), '\0');
  for (size_t done = 0; done < content.size();) {
    ssize_t n = ::pread(fd, content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read blob " + digest.Hex());
    if (n == 0) return Fail(Code::kDataLoss, "blob {} was cut while it was read", digest.Hex());
    done += static_cast<size_t>(n);
  }
  if (Digest::Of(content) != digest) return Fail(Code::kDataLoss, "blob {} is damaged on disk", digest.Hex());
  return content;
}

int64_t UnixMillis() { return static_cast<int64_t>(SystemClock().UnixMillis()); }

}  // namespace

struct BlobCache::State {
  State(BlobCacheOptions given, std::unique_ptr<DiskBlobStore> blobs_directory, LinkedBlobs links)
      : options(std::move(given)),
        layout(options.directory),
        disk(std::move(blobs_directory)),
        linked(std::move(links)) {}

  const BlobCacheOptions options;
  const CacheLayout layout;
  std::unique_ptr<DiskBlobStore> disk, overflow;  // overflow: null where there is none
  LinkedBlobs linked;
  std::mutex mutex;
  std::condition_variable landed;
  std::unordered_map<Digest, std::shared_ptr<Flight>> flights;  // guarded by mutex
  std::atomic<uint64_t> blobs = 0, bytes = 0;
  std::atomic<int64_t> full_until_ms = 0;  // the disk was found full, and eviction did not help

  CacheCounters& counters() const { return options.signals->counters(); }
  // `ahead` throughout: null where somebody waits for the blob, else what watches a fetch that nobody waits for.
  Status FetchInto(DiskBlobStore& store, const Digest& digest, const BlobSink* ahead, uint64_t& size);
  Status FetchToOverflow(const Digest& digest, const BlobSink* ahead, uint64_t& size);
  // Bytes that went, 0 where those that are there are too young; nothing: there are none.
  Result<std::optional<uint64_t>> MakeOverflowRoom() const;
  Status FetchOnce(const Digest& digest, const BlobSink* ahead, uint64_t& size);
  Status FetchPatiently(const Digest& digest, const BlobSink* ahead, uint64_t& size);
  Status Fetch(const Digest& digest, const BlobSink* ahead);
  Status FetchTogether(const Digest& digest, const BlobSink* ahead);
  Result<UniqueFd> OpenAnywhere(const Digest& digest) const;
};

Status BlobCache::State::FetchInto(DiskBlobStore& store, const Digest& digest, const BlobSink* ahead, uint64_t& size) {
  BURROW_ASSIGN_OR_RETURN(DiskBlobWriter writer, store.NewWriter(DiskBlobStore::Bytes::kVerifiedBySource));
  size = 0;
  BURROW_RETURN_IF_ERROR(options.remote->Get(digest, [&](std::string_view data) -> Status {
    size += data.size();
    if (ahead && *ahead) BURROW_RETURN_IF_ERROR((*ahead)(data));
    return writer.Append(data);
  }));
  BURROW_RETURN_IF_ERROR(writer.Commit(digest));
  blobs.fetch_add(1, std::memory_order_relaxed);
  bytes.fetch_add(size, std::memory_order_relaxed);
  return {};
}

// Blobs that overflowed a while ago go: who has one open keeps it, who asks again fetches it again.
Result<std::optional<uint64_t>> BlobCache::State::MakeOverflowRoom() const {
  std::optional<uint64_t> freed;
  BURROW_ASSIGN_OR_RETURN(auto held, ListBlobs(options.overflow_directory));
  if (held.empty()) return freed;
  freed = 0;
  BeginUses(held);
  for (const CachedBlob& old :
       PlanEviction(std::move(held), UnixMillis(), kOverflowRoom, options.overflow_stay.count())) {
    BURROW_RETURN_IF_ERROR(overflow->Remove(old.digest));
    *freed += old.bytes;
  }
  return freed;
}

// A reader waits rather than that it fails because others read too much at once.
Status BlobCache::State::FetchToOverflow(const Digest& digest, const BlobSink* ahead, uint64_t& size) {
  const auto end = std::chrono::steady_clock::now() + kRoomDeadline;
  Status status = FetchInto(*overflow, digest, ahead, size);
  while (DiskIsFull(status) && std::chrono::steady_clock::now() < end) {
    BURROW_ASSIGN_OR_RETURN(auto freed, MakeOverflowRoom());
    if (!freed || (ahead && *freed == 0)) break;
    if (*freed > 0) {
      status = FetchInto(*overflow, digest, ahead, size);
    } else {
      std::this_thread::sleep_for(kOverflowPause);  // nothing tells that blobs have grown old enough
    }
  }
  if (status) counters().uncached_bytes.fetch_add(size, std::memory_order_relaxed);
  return status;
}

Status BlobCache::State::FetchOnce(const Digest& digest, const BlobSink* ahead, uint64_t& size) {
  bool try_disk = !overflow || UnixMillis() >= full_until_ms.load();
  if (try_disk) {
    Status status = FetchInto(*disk, digest, ahead, size);
    if (DiskIsFull(status) && options.signals->MakeRoom(size, kRoomDeadline)) {
      status = FetchInto(*disk, digest, ahead, size);
    }
    if (status) options.signals->Stored(size);
    if (!overflow || !DiskIsFull(status)) return status;
    full_until_ms = UnixMillis() + kFullPauseMs;
  }
  return FetchToOverflow(digest, ahead, size);
}

// What comes damaged is asked for again.
Status BlobCache::State::FetchPatiently(const Digest& digest, const BlobSink* ahead, uint64_t& size) {
  Retry retry(options.patience);
  for (int attempt = 1;; ++attempt) {
    Status status = FetchOnce(digest, ahead, size);
    if (status || status.error().code() != Code::kDataLoss) return status;
    counters().damaged_bytes.fetch_add(size, std::memory_order_relaxed);
    if (attempt >= kDamagedAttempts && !retry.Pause()) return status;
    counters().retries.fetch_add(1, std::memory_order_relaxed);
  }
}

Status BlobCache::State::Fetch(const Digest& digest, const BlobSink* ahead) {
  std::optional<CacheSignals::Miss> miss;
  if (!ahead) miss.emplace(*options.signals);
  if (!ahead) counters().misses.fetch_add(1, std::memory_order_relaxed);
  uint64_t size = 0;
  Status status;
  const auto began = std::chrono::steady_clock::now();
  try {
    status = FetchPatiently(digest, ahead, size);
  } catch (const std::exception& e) {  // whoever waits must hear of it
    status = Fail(Code::kInternal, "fetch blob {}: {}", digest.Hex(), e.what());
  }
  if (!ahead) options.signals->MissTook(std::chrono::steady_clock::now() - began);
  if (status && ahead) counters().prefetched_blobs.fetch_add(1, std::memory_order_relaxed);
  if (status) {
    auto& sum = ahead ? counters().prefetched_bytes : counters().fetched_bytes;
    sum.fetch_add(size, std::memory_order_relaxed);
  } else if (status.error().code() != Code::kCancelled) {
    counters().failed_fetches.fetch_add(1, std::memory_order_relaxed);
  }
  return status;
}

Status BlobCache::State::FetchTogether(const Digest& digest, const BlobSink* ahead) {
  auto flight = std::make_shared<Flight>();
  std::unique_lock lock(mutex);
  for (;;) {
    auto [it, first] = flights.try_emplace(digest, flight);
    if (first) break;
    auto other = it->second;
    // The one who fetches always ends: its remote store has a deadline.
    landed.wait(lock, [&] { return other->outcome.has_value(); });
    // Who fetched ahead may have given up what is wanted here.
    if (*other->outcome || other->outcome->error().code() != Code::kCancelled) return *other->outcome;
  }
  lock.unlock();
  // It may have landed between this caller's look at the disk and now.
  Status status = OpenAnywhere(digest) ? Status() : Fetch(digest, ahead);
  lock.lock();
  flight->outcome = status;
  flights.erase(digest);
  landed.notify_all();
  return status;
}

BlobCache::BlobCache(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlobCache::~BlobCache() = default;

Result<UniqueFd> BlobCache::State::OpenAnywhere(const Digest& digest) const {
  auto fd = disk->OpenBlob(digest);
  return fd || !overflow ? std::move(fd) : overflow->OpenBlob(digest);
}

Result<std::unique_ptr<BlobCache>> BlobCache::Open(const std::string& directory, BlobStore* remote) {
  return Open({.directory = directory, .remote = remote});
}

Result<std::unique_ptr<BlobCache>> BlobCache::Open(BlobCacheOptions options) {
  if (!options.signals) {
    BURROW_ASSIGN_OR_RETURN(options.signals, CacheSignals::Create());
  }
  CacheLayout layout(options.directory);
  auto disk = DiskBlobStore::Open(layout.Blobs());
  if (!disk && disk.error().code() == Code::kResourceExhausted && options.signals->MakeRoom(0, kRoomDeadline)) {
    disk = DiskBlobStore::Open(layout.Blobs());
  }
  if (!disk) return Forward(std::move(disk.error()));
  BURROW_ASSIGN_OR_RETURN(auto linked, LinkedBlobs::Open(layout.Blobs(), layout.Linked()));
  auto state = std::make_unique<State>(std::move(options), std::move(*disk), std::move(linked));
  if (!state->options.overflow_directory.empty()) {
    BURROW_ASSIGN_OR_RETURN(state->overflow, DiskBlobStore::Open(state->options.overflow_directory));
  }
  return std::unique_ptr<BlobCache>(new BlobCache(std::move(state)));
}

Result<UniqueFd> BlobCache::OpenLocal(const Digest& digest, std::optional<uint64_t> size) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, state_->OpenAnywhere(digest));
  struct stat st{};
  if (size && ::fstat(fd.get(), &st) != 0) return FailErrno("stat blob " + digest.Hex());
  if (!size || static_cast<uint64_t>(st.st_size) == *size) {
    state_->counters().hits.fetch_add(1, std::memory_order_relaxed);
    return fd;
  }
  BURROW_RETURN_IF_ERROR(Remove(digest));
  return Fail(Code::kNotFound, "blob {} was cut short on disk", digest.Hex());
}

Result<UniqueFd> BlobCache::OpenBlob(const Digest& digest, std::optional<uint64_t> size) {
  auto local = OpenLocal(digest, size);
  if (local || local.error().code() != Code::kNotFound) return local;
  BURROW_RETURN_IF_ERROR(state_->FetchTogether(digest, nullptr));
  return state_->OpenAnywhere(digest);
}

Result<std::string> BlobCache::Read(const Digest& digest, uint64_t limit) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, OpenBlob(digest));
  auto content = ReadVerified(fd.get(), digest, limit);
  if (content || content.error().code() != Code::kDataLoss) return content;
  BURROW_RETURN_IF_ERROR(Remove(digest));
  BURROW_ASSIGN_OR_RETURN(fd, OpenBlob(digest));
  return ReadVerified(fd.get(), digest, limit);
}

Result<bool> BlobCache::Link(const Digest& digest) { return state_->linked.Link(digest); }

Status BlobCache::Remove(const Digest& digest) {
  if (state_->overflow) BURROW_RETURN_IF_ERROR(state_->overflow->Remove(digest));
  return state_->linked.Remove(digest);
}

bool BlobCache::Has(const Digest& digest) const {
  return state_->disk->Size(digest).has_value() || (state_->overflow && state_->overflow->Size(digest).has_value());
}

Status BlobCache::Store(const Digest& digest, std::string_view data) {
  if (Has(digest)) return {};
  BURROW_RETURN_IF_ERROR(state_->disk->PutVerified(digest, data));
  state_->options.signals->Stored(data.size());
  return {};
}

Status BlobCache::FetchAhead(const Digest& digest, const BlobSink& watch) {
  return Has(digest) ? Status() : state_->FetchTogether(digest, &watch);
}

Result<UniqueFd> BlobCache::NewFile() {
  auto file = os::Open(layout().Blobs(), O_RDWR | O_TMPFILE, 0444);
  if (file || !file.error().disk_is_full()) return file;
  if (signals().MakeRoom(0, kRoomDeadline)) file = os::Open(layout().Blobs(), O_RDWR | O_TMPFILE, 0444);
  if (file || !file.error().disk_is_full() || !state_->overflow) return file;
  return os::Open(state_->options.overflow_directory, O_RDWR | O_TMPFILE, 0444);
}

Status BlobCache::Adopt(const Digest& digest, int fd, uint64_t size) {
  BURROW_RETURN_IF_ERROR(state_->linked.Add(digest, fd));
  state_->options.signals->Stored(size);
  return {};
}

CacheSignals& BlobCache::signals() const { return *state_->options.signals; }
const CacheLayout& BlobCache::layout() const { return state_->layout; }
uint64_t BlobCache::fetched_blobs() const { return state_->blobs.load(std::memory_order_relaxed); }
uint64_t BlobCache::fetched_bytes() const { return state_->bytes.load(std::memory_order_relaxed); }

}  // namespace burrow::cas

#include "cas/prefetch.h"

#include <chrono>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/log.h"
#include "cas/frames.h"
#include "cas/prefetch_queue.h"

namespace burrow::cas {
namespace {

// Making files is what takes longest on a busy disk; more threads than this wait for each other in the directory.
constexpr size_t kWriters = 2;
constexpr size_t kLargeFetchers = 2;
constexpr uint64_t kMaxQueued = 16u << 20;
// The bundle pauses for misses after each so many bytes, but so briefly that it stays ahead of them.
constexpr uint64_t kYieldEvery = 1u << 20;
constexpr std::chrono::milliseconds kPauseForMisses{3};
constexpr uint64_t kHugeBlob = 16u << 20;

// Lets those go first who wait for a miss: pauses after each so many bytes.
class Pace {
 public:
  Pace(CacheSignals& signals, CacheSignals::Prefetching& prefetching) : signals_(signals), prefetching_(prefetching) {}
  void Came(size_t bytes) {
    prefetching_.GoesOn();
    since_yield_ += bytes;
    if (since_yield_ < kYieldEvery) return;
    since_yield_ = 0;
    signals_.YieldToMisses(kPauseForMisses);
  }

 private:
  CacheSignals& signals_;
  CacheSignals::Prefetching& prefetching_;
  uint64_t since_yield_ = 0;
};

class Run {
 public:
  explicit Run(const PrefetchOptions& options) : options_(options), prefetching_(options.cache->signals()) {}
  Result<PrefetchOutcome> Fetch(std::span<const HotBlob> blobs);

 private:
  void Sort(std::span<const HotBlob> blobs);
  Status FetchBundle();
  void FetchLarge();
  Status FetchWhole(const Digest& digest);
  bool InParts(const HotBlob& blob) const;
  Status Enqueue(const Digest& digest, std::string_view bytes);
  void Write();
  void WriteOne(const ArrivedBlob& blob);
  bool Cancelled() const { return options_.cancelled && options_.cancelled->load(); }
  bool Ended() const { return full_ || Cancelled(); }

  const PrefetchOptions& options_;
  CacheSignals::Prefetching prefetching_;
  Pace pace_{options_.cache->signals(), prefetching_};  // of the bundle's thread
  std::vector<Digest> small_;
  std::vector<HotBlob> large_;
  std::atomic<size_t> next_large_ = 0;
  std::atomic<uint64_t> fetched_ = 0, failed_ = 0;
  std::atomic<bool> full_ = false;  // the disk: what comes ahead of its readers is not worth an eviction
  uint64_t present_ = 0, left_ = 0;
  PrefetchQueue queue_{kMaxQueued};
};

void Run::Sort(std::span<const HotBlob> blobs) {
  std::unordered_set<Digest> seen;
  for (const HotBlob& blob : blobs) {
    if (!seen.insert(blob.digest).second) continue;
    if (options_.cache->Has(blob.digest)) {
      ++present_;
      if (options_.link) (void)options_.cache->Link(blob.digest);  // evicted a moment ago: a reader fetches it
    } else if (blob.size <= kManyLimit) {
      small_.push_back(blob.digest);
    } else if (blob.size < kHugeBlob || InParts(blob)) {
      large_.push_back(blob);
    } else {
      ++left_;
    }
  }
}

Status Run::Enqueue(const Digest& digest, std::string_view bytes) {
  pace_.Came(bytes.size());
  queue_.Add({digest, std::string(bytes)});
  return {};
}

void Run::WriteOne(const ArrivedBlob& blob) {
  Status stored = options_.cache->Store(blob.digest, blob.bytes);
  if (stored && options_.link) (void)options_.cache->Link(blob.digest);
  (stored ? fetched_ : failed_) += 1;
  if (!stored && stored.error().code() == Code::kResourceExhausted) full_ = true;
  if (!stored) return LogDebug("a prefetched blob is not kept: {}", stored.error().message());
  CacheCounters& counters = options_.cache->signals().counters();
  counters.prefetched_blobs += 1;
  counters.prefetched_bytes += blob.bytes.size();
}

void Run::Write() {
  while (auto blob = queue_.Take()) {
    if (!Ended()) WriteOne(*blob);
  }
}

// Whether its frames alone are worth fetching.
bool Run::InParts(const HotBlob& blob) const {
  if (blob.frames.empty() || !options_.read_frames) return false;
  return blob.size >= kHugeBlob || 2 * blob.frames.size() <= FrameCount(blob.size);
}

// As the bundle does: ends in the middle of a blob, and lets those go first who wait.
Status Run::FetchWhole(const Digest& digest) {
  Pace pace(options_.cache->signals(), prefetching_);
  auto watch = [&](std::string_view piece) -> Status {
    if (Ended()) return Fail(Code::kCancelled, "nobody needs it any more");
    pace.Came(piece.size());
    return {};
  };
  BURROW_RETURN_IF_ERROR(options_.cache->FetchAhead(digest, watch));
  if (options_.link) (void)options_.cache->Link(digest);
  return {};
}

void Run::FetchLarge() {
  const auto ended = [this] {
    prefetching_.GoesOn();
    return Ended();
  };
  for (size_t i; !Ended() && (i = next_large_.fetch_add(1)) < large_.size();) {
    const HotBlob& blob = large_[i];
    Status fetched = InParts(blob) ? options_.read_frames(blob, ended) : FetchWhole(blob.digest);
    if (!fetched) LogDebug("blob {} does not come ahead: {}", blob.digest.Hex(), fetched.error().message());
    (fetched ? fetched_ : failed_) += 1;
  }
}

Status Run::FetchBundle() {
  if (small_.empty()) return {};
  auto absent = options_.remote->GetMany(
      small_, [&](const Digest& digest, std::string_view bytes) { return Enqueue(digest, bytes); },
      {.cancelled = [&] { return Ended(); }});
  if (full_) return {};
  if (!absent) return Forward(std::move(absent.error()));
  failed_ += absent->size();
  return {};
}

Result<PrefetchOutcome> Run::Fetch(std::span<const HotBlob> blobs) {
  Sort(blobs);
  Status status;
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < kLargeFetchers && i < large_.size(); ++i) threads.emplace_back([this] { FetchLarge(); });
    for (size_t i = 0; i < kWriters && i < small_.size(); ++i) threads.emplace_back([this] { Write(); });
    status = FetchBundle();
    queue_.Close();
  }
  if (!status) return Forward(std::move(status.error()));
  if (Cancelled()) return Fail(Code::kCancelled, "nobody needs it any more");
  return PrefetchOutcome{.present = present_, .fetched = fetched_, .failed = failed_, .left = left_};
}

}  // namespace

Result<PrefetchOutcome> Prefetch(std::span<const HotBlob> blobs, const PrefetchOptions& options) {
  return Run(options).Fetch(blobs);
}

}  // namespace burrow::cas

#include "cas/partial_blob.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <optional>
#include <string>

#include "base/log.h"
#include "cas/frames.h"
#include "cas/retry.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

using std::chrono::milliseconds;

constexpr int kDamagedAttempts = 3;
// Frames fetched beside each other ahead of one who reads from front to back.
constexpr uint64_t kReadAhead = 4;
// The rest of a blob waits for misses, but not for ever.
constexpr milliseconds kYield{50};
// And for what is fetched ahead of its readers, which has none to lose.
constexpr milliseconds kYieldToPrefetch{5'000};
constexpr milliseconds kRoomDeadline{10'000};
// Where eviction did not help, no room is asked for again for so long.
constexpr milliseconds kFullPause{2'000};
constexpr uint64_t kMaxTable = 64u << 20;  // of a blob of 2 TiB

Status ReadAt(int fd, std::span<char> out, uint64_t offset) {
  while (!out.empty()) {
    ssize_t n = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FailErrno("read a frame");
    if (n == 0) return Fail(Code::kDataLoss, "a frame was cut while it was read");
    out = out.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

// A frame that is being fetched, and all who wait for it.
struct Flight {
  std::optional<Status> outcome;  // guarded by FramedBlob::mutex_
  std::string unstored;           // the bytes, where the disk took none; constant once there is an outcome
};
using FlightPointer = std::shared_ptr<const Flight>;

class FramedBlob final : public PartialBlob, public std::enable_shared_from_this<FramedBlob> {
 public:
  FramedBlob(const PartialBlobsOptions& options, const LargeBlob& blob, std::string table, UniqueFd file)
      : options_(options),
        blob_(blob),
        table_(std::move(table)),
        file_(std::move(file)),
        present_(FrameCount(blob.size), false) {}

  Status Read(uint64_t offset, std::span<char> out) override;

 private:
  CacheSignals& signals() const { return options_.cache->signals(); }
  uint64_t BytesOf(uint64_t frame) const { return std::min(kFrameSize, blob_.size - frame * kFrameSize); }
  // Who waits for it? A reader (a miss), or nobody.
  enum class Purpose { kMiss, kAhead };
  Result<FlightPointer> Ensure(uint64_t frame, Purpose purpose);
  Status Fetch(uint64_t frame, Flight& flight);
  Result<std::string> FetchBytes(uint64_t frame);
  std::optional<std::string> FindBytes(uint64_t frame);
  Status Store(uint64_t frame, const std::string& bytes);
  void Settle();
  void ReadAhead(uint64_t first, uint64_t last);
  void FetchRest();
  void GoOnWithRest();

  const PartialBlobsOptions& options_;
  const LargeBlob blob_;
  const std::string table_;
  const UniqueFd file_;  // without a name until the blob is whole
  std::atomic<std::chrono::steady_clock::time_point> full_until_{};
  std::mutex mutex_;
  std::condition_variable landed_;
  // All guarded by mutex_.
  std::vector<bool> present_;
  uint64_t present_count_ = 0;
  std::map<uint64_t, std::shared_ptr<Flight>> flights_;
  uint64_t next_expected_ = 0;  // frame that a reader from front to back wants next
  bool fetching_rest_ = false;
  std::chrono::steady_clock::time_point rest_from_{};  // at the latest
};

// Of the blob as somebody else has put it into the cache meanwhile.
std::optional<std::string> FramedBlob::FindBytes(uint64_t frame) {
  auto file = options_.cache->OpenLocal(blob_.digest, blob_.size);
  if (!file) return std::nullopt;
  std::string bytes(BytesOf(frame), '\0');
  if (!ReadAt(file->get(), bytes, frame * kFrameSize)) return std::nullopt;
  return bytes;
}

Result<std::string> FramedBlob::FetchBytes(uint64_t frame) {
  auto expected = FrameDigest(table_, frame);
  Retry retry(options_.patience);
  for (int attempt = 1; expected; ++attempt) {
    std::string bytes;
    bytes.reserve(BytesOf(frame));
    Status got =
        options_.remote->GetRange(blob_.digest, frame * kFrameSize, BytesOf(frame), [&](std::string_view data) {
          bytes.append(data);
          return Status();
        });
    // A blob that ends too early is a damaged one.
    if (!got && got.error().code() != Code::kOutOfRange) return Forward(std::move(got.error()));
    if (bytes.size() == BytesOf(frame) && Digest::Of(bytes) == *expected) return bytes;
    signals().counters().damaged_bytes += bytes.size();
    if (attempt >= kDamagedAttempts && !retry.Pause()) break;
    signals().counters().retries += 1;
  }
  return Fail(Code::kDataLoss, "frame {} of blob {} does not fit the frame table", frame, blob_.digest.Hex());
}

Status FramedBlob::Store(uint64_t frame, const std::string& bytes) {
  Status written = os::WriteAllAt(file_.get(), bytes, frame * kFrameSize);
  auto now = std::chrono::steady_clock::now();
  if (written || !written.error().disk_is_full() || now < full_until_.load()) return written;
  if (signals().MakeRoom(blob_.size, kRoomDeadline)) written = os::WriteAllAt(file_.get(), bytes, frame * kFrameSize);
  if (!written) full_until_ = now + kFullPause;
  return written;
}

// Whoever waits for it must hear of an exception, too.
Status FramedBlob::Fetch(uint64_t frame, Flight& flight) try {
  auto found = FindBytes(frame);
  auto bytes = found ? Result<std::string>(std::move(*found)) : FetchBytes(frame);
  if (!bytes) {
    signals().counters().failed_fetches += 1;
    return Forward(std::move(bytes.error()));
  }
  if (Store(frame, *bytes)) return {};
  signals().counters().uncached_bytes += bytes->size();
  flight.unstored = std::move(*bytes);
  return {};
} catch (const std::exception& e) {
  signals().counters().failed_fetches += 1;
  return Fail(Code::kInternal, "fetch frame {} of blob {}: {}", frame, blob_.digest.Hex(), e.what());
}

// The frame's flight where its bytes are not in the file; null: they are.
Result<FlightPointer> FramedBlob::Ensure(uint64_t frame, Purpose purpose) {
  std::unique_lock lock(mutex_);
  if (present_[frame]) return nullptr;
  auto [at, first] = flights_.try_emplace(frame);
  if (first) at->second = std::make_shared<Flight>();
  auto flight = at->second;
  if (!first) {
    std::optional<CacheSignals::Miss> miss;
    if (purpose == Purpose::kMiss) miss.emplace(signals());
    landed_.wait(lock, [&] { return flight->outcome.has_value(); });
  } else {
    lock.unlock();
    Status status;
    {
      std::optional<CacheSignals::Miss> miss;
      if (purpose == Purpose::kMiss) miss.emplace(signals());
      CacheCounters& counters = signals().counters();
      (purpose == Purpose::kMiss ? counters.misses : counters.prefetched_blobs) += 1;
      (purpose == Purpose::kMiss ? counters.fetched_bytes : counters.prefetched_bytes) += BytesOf(frame);
      const auto began = std::chrono::steady_clock::now();
      status = Fetch(frame, *flight);
      if (purpose == Purpose::kMiss) signals().MissTook(std::chrono::steady_clock::now() - began);
    }
    lock.lock();
    flights_.erase(frame);
    if (status && flight->unstored.empty()) {
      present_[frame] = true;
      ++present_count_;
    }
    flight->outcome = status;
    landed_.notify_all();
    if (present_count_ == present_.size()) Settle();
  }
  if (!*flight->outcome) return Forward(flight->outcome->error());
  return flight->unstored.empty() ? nullptr : FlightPointer(flight);
}

// The blob is whole: it gets its name. Each frame was verified by a table whose own digest the index holds.
void FramedBlob::Settle() {
  if (auto added = options_.cache->Adopt(blob_.digest, file_.get(), blob_.size); !added) {
    LogWarn("blob {} stays without a name: {}", blob_.digest.Hex(), added.error().message());
  }
}

Status FramedBlob::Read(uint64_t offset, std::span<char> out) {
  if (offset > blob_.size || out.size() > blob_.size - offset) return Fail(Code::kOutOfRange, "read beyond the end");
  if (out.empty()) return {};
  uint64_t first = offset / kFrameSize, last = (offset + out.size() - 1) / kFrameSize;
  ReadAhead(first, last);
  for (uint64_t frame = first; frame <= last; ++frame) {
    uint64_t begin = std::max(offset, frame * kFrameSize);
    uint64_t end = std::min(offset + out.size(), (frame + 1) * kFrameSize);
    BURROW_ASSIGN_OR_RETURN(FlightPointer unstored, Ensure(frame, Purpose::kMiss));
    auto part = out.subspan(begin - offset, end - begin);
    if (unstored) {
      std::memcpy(part.data(), unstored->unstored.data() + (begin - frame * kFrameSize), part.size());
    } else {
      BURROW_RETURN_IF_ERROR(ReadAt(file_.get(), part, begin));
    }
  }
  return {};
}

void FramedBlob::ReadAhead(uint64_t first, uint64_t last) {
  std::vector<uint64_t> ahead;
  bool start_rest = false;
  {
    std::lock_guard lock(mutex_);
    if (first > 0 && (first == next_expected_ || last == next_expected_ || last + 1 == next_expected_)) {
      uint64_t end = std::min<uint64_t>(last + 1 + kReadAhead, present_.size());
      for (uint64_t frame = last + 1; frame < end; ++frame) {
        if (!present_[frame] && !flights_.contains(frame)) ahead.push_back(frame);
      }
    }
    next_expected_ = last + 1;
    start_rest = !std::exchange(fetching_rest_, true);
    if (start_rest) rest_from_ = std::chrono::steady_clock::now() + kYieldToPrefetch;
  }
  for (uint64_t frame : ahead) {
    options_.run_later([weak = weak_from_this(), frame] {
      if (auto self = weak.lock()) (void)self->Ensure(frame, Purpose::kAhead);  // a reader will see the error
    });
  }
  if (start_rest) GoOnWithRest();
}

// One frame, then the next as work of its own, so that others get their turns. Ends at an error or on a full disk; the
// next read begins it anew.
void FramedBlob::FetchRest() {
  signals().YieldToMisses(kYield);
  if (!signals().YieldToPrefetch(kYield) && std::chrono::steady_clock::now() < rest_from_) return GoOnWithRest();
  std::optional<uint64_t> wanted;
  {
    std::lock_guard lock(mutex_);
    for (uint64_t i = 0; i < present_.size() && !wanted; ++i) {
      uint64_t frame = (next_expected_ + i) % present_.size();
      if (!present_[frame] && !flights_.contains(frame)) wanted = frame;
    }
    if (!wanted) fetching_rest_ = false;
  }
  if (!wanted) return;
  auto outcome = Ensure(*wanted, Purpose::kAhead);
  if (!outcome || *outcome) {
    std::lock_guard lock(mutex_);
    fetching_rest_ = false;
    return;
  }
  GoOnWithRest();
}

void FramedBlob::GoOnWithRest() {
  options_.run_later([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->FetchRest();
  });
}

}  // namespace

std::shared_ptr<PartialBlob> PartialBlobs::Find(const Digest& digest) {
  auto at = by_digest_.find(digest);
  if (at == by_digest_.end()) return nullptr;
  recent_.splice(recent_.begin(), recent_, at->second);
  return at->second->blob;
}

Result<std::shared_ptr<PartialBlob>> PartialBlobs::Open(const LargeBlob& blob) {
  {
    std::lock_guard lock(mutex_);
    if (auto found = Find(blob.digest)) return found;
  }
  BURROW_ASSIGN_OR_RETURN(std::string table, options_.cache->Read(blob.frames, kMaxTable));
  if (table.size() != FrameTableBytes(blob.size)) {
    return Fail(Code::kDataLoss, "the frame table of blob {} is that of a blob of another size", blob.digest.Hex());
  }
  BURROW_ASSIGN_OR_RETURN(UniqueFd file, options_.cache->NewFile());
  if (::ftruncate(file.get(), static_cast<off_t>(blob.size)) != 0) return FailErrno("make room for a large blob");
  auto made = std::make_shared<FramedBlob>(options_, blob, std::move(table), std::move(file));
  std::vector<std::shared_ptr<PartialBlob>> dropped;  // end outside of the lock
  std::lock_guard lock(mutex_);
  if (auto found = Find(blob.digest)) return found;
  recent_.push_front({blob.digest, made});
  by_digest_[blob.digest] = recent_.begin();
  while (recent_.size() > options_.max_open) {
    by_digest_.erase(recent_.back().digest);
    dropped.push_back(std::move(recent_.back().blob));
    recent_.pop_back();
  }
  return made;
}

}  // namespace burrow::cas

#include "cas/cache_keeper.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "cas/cache_directory.h"
#include "cas/cache_layout.h"
#include "cas/eviction_plan.h"
#include "cas/linked_blobs.h"
#include "cas/use_journal.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

using std::chrono::milliseconds;

// Others fill the disk, too, and nobody rings then.
constexpr milliseconds kLookAround{10'000};
constexpr milliseconds kSyncAfter{60'000};
constexpr uint64_t kSyncBytes = 1u << 30;
constexpr uint64_t kMaxFree = 2ull << 30;
// Room that is made for one who found the disk full, at least.
constexpr uint64_t kMinRoom = 64u << 20;
// A pass makes this much more room than needed, so that the next one is not needed at once.
constexpr uint64_t kSlackPart = 20;
constexpr size_t kRecentImages = 16;

struct Space {
  uint64_t total = 0, free = 0;
};

Result<Space> SpaceOf(const std::string& directory) {
  struct statvfs fs;
  if (::statvfs(directory.c_str(), &fs) != 0) return FailErrno("ask for the free space of " + directory);
  return Space{.total = fs.f_blocks * fs.f_frsize, .free = fs.f_bavail * fs.f_frsize};
}

// Sorted, so that a lease of 40,000 blobs is asked in no time.
using Blobs = std::shared_ptr<const std::vector<Digest>>;

Blobs Sorted(std::vector<Digest> blobs) {
  std::ranges::sort(blobs);
  return std::make_shared<const std::vector<Digest>>(std::move(blobs));
}

struct Lease {
  Digest index;  // zero: of no image
  Blobs blobs;
};

}  // namespace

struct CacheKeeper::State {
  State(CacheKeeperOptions given, LinkedBlobs links, UseJournal uses)
      : options(std::move(given)), layout(options.directory), linked(std::move(links)), journal(std::move(uses)) {}

  void Run(const std::stop_token& stop);
  void Pass();
  Result<uint64_t> Need(uint64_t wanted);
  Result<uint64_t> Evict(uint64_t bytes);
  void FillUses(std::vector<CachedBlob>& blobs);
  bool Leased(const Digest& digest) const;
  Result<bool> EvictOne(const CachedBlob& blob);
  void SyncIfDue();
  Blobs FindImage(const Digest& index);
  void Remember(const Digest& index, const Blobs& blobs);
  uint64_t Used() const { return counted.load() + options.signals->stored_bytes() - stored_then.load(); }
  int64_t Now() const { return static_cast<int64_t>(options.clock->UnixMillis()); }

  CacheKeeperOptions options;
  CacheLayout layout;
  LinkedBlobs linked;
  std::atomic<uint64_t> counted = 0, stored_then = 0;

  mutable std::mutex mutex;
  // All guarded by mutex.
  UseJournal journal;
  std::map<uint64_t, Lease> leases;
  uint64_t next_lease = 1;
  std::list<Lease> recent;  // of images that were leased, the last one in front

  // The thread's own.
  uint64_t synced = 0;  // stored_bytes of the last sync
  SteadyTime sync_noticed{};
  std::jthread thread;
};

bool CacheKeeper::State::Leased(const Digest& digest) const {
  return std::ranges::any_of(leases, [&](const auto& item) {
    return item.second.index == digest || std::ranges::binary_search(*item.second.blobs, digest);
  });
}

// An index is read, checked and sorted once for all containers that start one after another.
Blobs CacheKeeper::State::FindImage(const Digest& index) {
  const auto found = std::ranges::find(recent, index, &Lease::index);
  if (found != recent.end()) return found->blobs;
  for (const auto& [id, lease] : leases) {
    if (lease.index == index) return lease.blobs;
  }
  return nullptr;
}

void CacheKeeper::State::Remember(const Digest& index, const Blobs& blobs) {
  std::erase_if(recent, [&](const Lease& lease) { return lease.index == index; });
  recent.push_front({.index = index, .blobs = blobs});
  if (recent.size() > kRecentImages) recent.pop_back();
}

// How much must go: over the quota, below the free space, or asked for.
Result<uint64_t> CacheKeeper::State::Need(uint64_t wanted) {
  BURROW_ASSIGN_OR_RETURN(Space space, SpaceOf(options.directory));
  uint64_t used = Used();
  uint64_t over = used > options.quota_bytes ? used - options.quota_bytes : 0;
  uint64_t lacking = space.free < options.free_bytes ? options.free_bytes - space.free : 0;
  uint64_t need = std::max({over, lacking, wanted > 0 ? std::max(wanted, kMinRoom) : 0});
  return need == 0 ? 0 : need + std::min(options.quota_bytes, used) / kSlackPart;
}

void CacheKeeper::State::FillUses(std::vector<CachedBlob>& blobs) {
  BeginUses(blobs);
  std::vector<ImageUse> uses;
  {
    std::lock_guard lock(mutex);
    uses = journal.Uses();
  }
  for (const ImageUse& use : uses) {
    // An image whose index is gone says nothing about its blobs any more.
    if (auto of_image = options.blobs_of_image(use.index)) ApplyUse(blobs, use, *of_image);
  }
}

// Under the mutex, so that no lease can begin between the question and the removal.
Result<bool> CacheKeeper::State::EvictOne(const CachedBlob& blob) {
  std::lock_guard lock(mutex);
  if (Leased(blob.digest)) return false;
  BURROW_RETURN_IF_ERROR(linked.Remove(blob.digest));
  return true;
}

Result<uint64_t> CacheKeeper::State::Evict(uint64_t bytes) {
  uint64_t stored = options.signals->stored_bytes();
  BURROW_ASSIGN_OR_RETURN(auto blobs, ListBlobs(layout.Blobs()));
  uint64_t used = 0;
  for (const CachedBlob& blob : blobs) used += blob.bytes;
  counted = used;
  stored_then = stored;
  if (bytes == 0) return 0;
  FillUses(blobs);
  {
    std::lock_guard lock(mutex);
    std::erase_if(blobs, [&](const CachedBlob& blob) { return Leased(blob.digest); });
  }
  uint64_t freed = 0, count = 0;
  for (const CachedBlob& blob : PlanEviction(std::move(blobs), Now(), bytes)) {
    BURROW_ASSIGN_OR_RETURN(bool gone, EvictOne(blob));
    if (!gone) continue;
    freed += blob.bytes;
    ++count;
  }
  counted = used - freed;
  options.signals->counters().evicted_blobs += count;
  options.signals->counters().evicted_bytes += freed;
  if (count > 0) LogInfo("the cache let go of {} blobs, {} MiB", count, freed >> 20);
  return freed;
}

void CacheKeeper::State::Pass() {
  uint64_t wanted = options.signals->BeginPass();
  auto need = Need(wanted);
  // A need is counted anew before anything goes: overlays and other processes may have removed blobs.
  Result<uint64_t> freed = 0;
  if (need && *need > 0) freed = Evict(*need);
  if (!need) LogWarn("{}", need.error().message());
  if (!freed) LogWarn("the cache cannot make room: {}", freed.error().message());
  auto space = SpaceOf(options.directory);
  uint64_t used = Used();
  uint64_t to_quota = options.quota_bytes > used ? options.quota_bytes - used : kMinRoom;
  uint64_t to_full = space && space->free > options.free_bytes ? space->free - options.free_bytes : kMinRoom;
  options.signals->EndPass(options.signals->stored_bytes() + std::min(to_quota, to_full) + 1);
}

void CacheKeeper::State::SyncIfDue() {
  uint64_t stored = options.signals->stored_bytes();
  if (stored == synced) {
    sync_noticed = options.clock->Now();
    return;
  }
  if (stored - synced < kSyncBytes && options.clock->Now() - sync_noticed < kSyncAfter) return;
  if (auto done = SyncCache(layout); !done) LogDebug("{}", done.error().message());
  synced = stored;
  sync_noticed = options.clock->Now();
}

void CacheKeeper::State::Run(const std::stop_token& stop) {
  if (auto counted_first = Evict(0); !counted_first) LogWarn("{}", counted_first.error().message());
  while (!stop.stop_requested()) {
    try {
      Pass();
      SyncIfDue();
    } catch (const std::exception& e) {
      LogError("a pass over the cache ended with an exception: {}", e.what());
    }
    options.signals->AwaitRing(kLookAround);
  }
}

CacheKeeper::CacheKeeper(std::unique_ptr<State> state) : state_(std::move(state)) {}

CacheKeeper::~CacheKeeper() {
  state_->thread.request_stop();
  state_->options.signals->Ring();
  state_->thread.join();
  state_->options.signals->SetKeeper(false);
}

Result<std::unique_ptr<CacheKeeper>> CacheKeeper::Open(CacheKeeperOptions options) {
  CacheLayout layout(options.directory);
  BURROW_ASSIGN_OR_RETURN(uint64_t dropped, DropUnsynced(layout));
  if (dropped > 0) LogInfo("{} cached blobs may have been cut when the machine went down; they are removed", dropped);
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(layout.Blobs(), 0700));
  BURROW_ASSIGN_OR_RETURN(auto linked, LinkedBlobs::Open(layout.Blobs(), layout.Linked()));
  BURROW_ASSIGN_OR_RETURN(auto journal, UseJournal::Open(layout.root + "/uses"));
  BURROW_ASSIGN_OR_RETURN(Space space, SpaceOf(layout.root));
  if (options.quota_bytes == 0) options.quota_bytes = space.total / 10 * 8;
  if (options.free_bytes == 0) options.free_bytes = std::min(space.total / 20, kMaxFree);
  auto state = std::make_unique<State>(std::move(options), std::move(linked), std::move(journal));
  state->sync_noticed = state->options.clock->Now();
  state->options.signals->SetKeeper(true);
  state->thread = std::jthread([raw = state.get()](const std::stop_token& stop) { raw->Run(stop); });
  return std::unique_ptr<CacheKeeper>(new CacheKeeper(std::move(state)));
}

Result<CacheLease> CacheKeeper::LeaseImage(const Digest& index) {
  Blobs blobs;
  {
    std::lock_guard lock(state_->mutex);
    blobs = state_->FindImage(index);
  }
  if (!blobs) {
    BURROW_ASSIGN_OR_RETURN(auto listed, state_->options.blobs_of_image(index));
    blobs = Sorted(std::move(listed));
  }
  std::lock_guard lock(state_->mutex);
  state_->journal.Note({.index = index, .used_ms = state_->Now()});
  state_->Remember(index, blobs);
  uint64_t id = state_->next_lease++;
  state_->leases[id] = {.index = index, .blobs = std::move(blobs)};
  return CacheLease(this, id);
}

bool CacheKeeper::Remembers(const Digest& index) const {
  std::lock_guard lock(state_->mutex);
  return state_->FindImage(index) != nullptr;
}

CacheLease CacheKeeper::LeaseBlobs(std::vector<Digest> blobs) {
  std::lock_guard lock(state_->mutex);
  uint64_t id = state_->next_lease++;
  state_->leases[id] = {.blobs = Sorted(std::move(blobs))};
  return {this, id};
}

void CacheKeeper::Release(uint64_t id) {
  std::lock_guard lock(state_->mutex);
  auto lease = state_->leases.find(id);
  if (!lease->second.index.IsZero()) state_->journal.Note({.index = lease->second.index, .used_ms = state_->Now()});
  state_->leases.erase(lease);
  state_->options.signals->Ring();  // what it held may be what is over the quota
}

uint64_t CacheKeeper::used_bytes() const { return state_->Used(); }
uint64_t CacheKeeper::quota_bytes() const { return state_->options.quota_bytes; }

CacheLease::CacheLease(CacheLease&& other) noexcept : keeper_(std::exchange(other.keeper_, nullptr)), id_(other.id_) {}
CacheLease& CacheLease::operator=(CacheLease&& other) noexcept {
  std::swap(keeper_, other.keeper_);
  std::swap(id_, other.id_);
  return *this;
}
CacheLease::~CacheLease() {
  if (keeper_) keeper_->Release(id_);
}

}  // namespace burrow::cas

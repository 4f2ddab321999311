#include "cas/cache_signals.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <limits>

namespace burrow::cas {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Word = std::atomic<uint32_t>;

constexpr milliseconds kYieldStep{5};
constexpr milliseconds kPrefetchStalls{200};

int64_t MonotonicMs() {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

// Sleeps while the word has that value, until a wake-up or so long.
void FutexWait(const Word& word, uint32_t value, milliseconds longest) {
  timespec time{.tv_sec = longest.count() / 1000, .tv_nsec = longest.count() % 1000 * 1'000'000};
  ::syscall(SYS_futex, reinterpret_cast<const uint32_t*>(&word), FUTEX_WAIT, value, &time, nullptr, 0);
}

void FutexWake(const Word& word) {
  ::syscall(SYS_futex, reinterpret_cast<const uint32_t*>(&word), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

// Whether a counter that wraps has come to `target`.
bool Reached(uint32_t value, uint32_t target) { return static_cast<int32_t>(value - target) >= 0; }

}  // namespace

// All zero is its first state.
struct CacheSignals::Page {
  CacheCounters counters;
  std::atomic<uint64_t> stored, ring_at, wanted;
  std::atomic<int64_t> prefetch_until_ms;  // of the monotonic clock
  Word prefetch_ends;
  Word bell, served, keepers, misses;
};
static_assert(std::atomic<uint64_t>::is_always_lock_free && Word::is_always_lock_free && sizeof(Word) == 4);

Result<std::shared_ptr<CacheSignals>> CacheSignals::Map(UniqueFd fd) {
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return FailErrno("stat the cache's shared page");
  if (static_cast<uint64_t>(st.st_size) != sizeof(Page)) {
    return Fail(Code::kInvalidArgument, "descriptor {} is not the shared page of a cache", fd.get());
  }
  void* address = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (address == MAP_FAILED) return FailErrno("map the cache's shared page");
  return std::shared_ptr<CacheSignals>(new CacheSignals(std::move(fd), static_cast<Page*>(address)));
}

Result<std::shared_ptr<CacheSignals>> CacheSignals::Create() {
  UniqueFd fd(::memfd_create("cache-signals", MFD_CLOEXEC));
  if (!fd.valid() || ::ftruncate(fd.get(), sizeof(Page)) != 0) return FailErrno("make the cache's shared page");
  return Map(std::move(fd));
}

Result<std::shared_ptr<CacheSignals>> CacheSignals::Attach(int fd) {
  UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!own.valid()) return FailErrno("take the cache's shared page");
  return Map(std::move(own));
}

CacheSignals::~CacheSignals() { ::munmap(page_, sizeof(Page)); }

CacheCounters& CacheSignals::counters() { return page_->counters; }
uint64_t CacheSignals::stored_bytes() const { return page_->stored.load(std::memory_order_relaxed); }

void CacheSignals::Stored(uint64_t bytes) {
  uint64_t before = page_->stored.fetch_add(bytes);
  uint64_t at = page_->ring_at.load();
  if (before < at && before + bytes >= at) Ring();
}

bool CacheSignals::MakeRoom(uint64_t bytes, milliseconds deadline) {
  if (page_->keepers.load() == 0) return false;
  bytes = std::max<uint64_t>(bytes, 1);
  uint64_t wanted = page_->wanted.load();
  while (wanted < bytes && !page_->wanted.compare_exchange_weak(wanted, bytes)) {
  }
  uint32_t ticket = page_->bell.fetch_add(1) + 1;
  FutexWake(page_->bell);
  auto end = steady_clock::now() + deadline;
  for (;;) {
    uint32_t served = page_->served.load();
    if (Reached(served, ticket)) return true;
    auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
    if (left.count() <= 0) return false;
    FutexWait(page_->served, served, left);
  }
}

void CacheSignals::MissTook(steady_clock::duration time) {
  if (time > kSlowFetch) page_->counters.slow_fetches.fetch_add(1, std::memory_order_relaxed);
}

CacheSignals::Miss::Miss(CacheSignals& signals) : signals_(signals) { signals_.page_->misses.fetch_add(1); }
CacheSignals::Miss::~Miss() {
  Word& misses = signals_.page_->misses;
  uint32_t count = misses.load();
  while (count > 0 && !misses.compare_exchange_weak(count, count - 1)) {
  }
  if (count == 1) FutexWake(misses);
}

void CacheSignals::ForgetMisses() {
  page_->misses.store(0);
  FutexWake(page_->misses);
}

void CacheSignals::YieldToMisses(milliseconds longest) const {
  auto end = steady_clock::now() + longest;
  while (uint32_t misses = page_->misses.load()) {
    if (steady_clock::now() >= end) return;
    FutexWait(page_->misses, misses, kYieldStep);
  }
}

void CacheSignals::Prefetching::GoesOn() {
  signals_.page_->prefetch_until_ms.store(MonotonicMs() + kPrefetchStalls.count());
}

CacheSignals::Prefetching::~Prefetching() {
  signals_.page_->prefetch_until_ms.store(0);
  signals_.page_->prefetch_ends.fetch_add(1);
  FutexWake(signals_.page_->prefetch_ends);
}

bool CacheSignals::YieldToPrefetch(milliseconds longest) const {
  const int64_t end = MonotonicMs() + longest.count();
  for (;;) {
    const uint32_t ends = page_->prefetch_ends.load();
    const int64_t now = MonotonicMs(), until = page_->prefetch_until_ms.load();
    if (until <= now) return true;
    if (end <= now) return false;
    FutexWait(page_->prefetch_ends, ends, milliseconds(std::min(until, end) - now));
  }
}

void CacheSignals::SetKeeper(bool present) {
  page_->keepers.store(present ? 1 : 0);
  if (!present) {  // nobody waits for what will not come
    page_->served.store(page_->bell.load());
    FutexWake(page_->served);
  }
}

void CacheSignals::Ring() {
  page_->bell.fetch_add(1);
  FutexWake(page_->bell);
}

void CacheSignals::AwaitRing(milliseconds longest) {
  if (page_->bell.load() == heard_) FutexWait(page_->bell, heard_, longest);
  heard_ = page_->bell.load();
}

uint64_t CacheSignals::BeginPass() {
  serving_ = page_->bell.load();
  return page_->wanted.exchange(0);
}

void CacheSignals::EndPass(uint64_t ring_at) {
  page_->ring_at.store(ring_at);
  page_->served.store(serving_);
  FutexWake(page_->served);
}

}  // namespace burrow::cas

// A page of memory that the processes of one cache share: what they count, and a bell by which whoever stores blobs
// wakes the one that evicts. Survives kill -9 of any of them: each word is an atomic of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

#include "base/error.h"
#include "base/unique_fd.h"

namespace burrow::cas {

// A miss that takes longer is a slow one.
inline constexpr std::chrono::milliseconds kSlowFetch{1'000};

// Since the page was made. Statistics: read and added to without order.
struct CacheCounters {
  std::atomic<uint64_t> hits = 0;              // blobs asked for that were here; what an overlay finds is not seen
  std::atomic<uint64_t> misses = 0;            // blobs or frames fetched one by one because somebody waited for them
  std::atomic<uint64_t> fetched_bytes = 0;     // by misses
  std::atomic<uint64_t> slow_fetches = 0;      // misses that took longer than kSlowFetch, however they ended
  std::atomic<uint64_t> prefetched_blobs = 0;  // that arrived before they were asked for
  std::atomic<uint64_t> prefetched_bytes = 0;
  std::atomic<uint64_t> evicted_blobs = 0;
  std::atomic<uint64_t> evicted_bytes = 0;
  std::atomic<uint64_t> failed_fetches = 0;
  std::atomic<uint64_t> uncached_bytes = 0;  // served without a place on the disk
  std::atomic<uint64_t> retries = 0;         // attempts at the blob store that were made again
  std::atomic<uint64_t> damaged_bytes = 0;   // that came, were not what their digest says, and were thrown away
  std::atomic<uint64_t> failed_reads = 0;    // requests of the kernel that imagefs answered with EIO
};

// Any thread of any process that has it.
class CacheSignals {
 public:
  static Result<std::shared_ptr<CacheSignals>> Create();
  // The page of another process, by an inherited descriptor, which is not owned.
  static Result<std::shared_ptr<CacheSignals>> Attach(int fd);
  ~CacheSignals();
  CacheSignals(const CacheSignals&) = delete;
  CacheSignals& operator=(const CacheSignals&) = delete;

  int fd() const { return fd_.get(); }
  CacheCounters& counters();

  // A blob of so many bytes came in; rings where that passes what the evicting side asked to be told of.
  void Stored(uint64_t bytes);
  uint64_t stored_bytes() const;
  // Asks for room at once and waits until a pass that began afterwards is over. False: nobody evicts, or not in time.
  bool MakeRoom(uint64_t bytes, std::chrono::milliseconds deadline);
  // A miss ended after so long.
  void MissTook(std::chrono::steady_clock::duration time);
  // Says that somebody waits for a blob from the network, while it lives.
  class Miss {
   public:
    explicit Miss(CacheSignals& signals);
    ~Miss();
    Miss(const Miss&) = delete;
    Miss& operator=(const Miss&) = delete;

   private:
    CacheSignals& signals_;
  };
  // Waits while misses are in flight, at most so long.
  void YieldToMisses(std::chrono::milliseconds longest) const;
  // Of a killed process, which left its own counted. Those of living ones are forgotten, too: they are soon over.
  void ForgetMisses();

  // Says that blobs are fetched together ahead of their readers: from each GoesOn() on for a short while, since whoever
  // says it may be killed, and no longer than it lives.
  class Prefetching {
   public:
    explicit Prefetching(CacheSignals& signals) : signals_(signals) { GoesOn(); }
    ~Prefetching();
    Prefetching(const Prefetching&) = delete;
    Prefetching& operator=(const Prefetching&) = delete;
    void GoesOn();

   private:
    CacheSignals& signals_;
  };
  // Waits while that lasts, at most so long; whether it is over.
  bool YieldToPrefetch(std::chrono::milliseconds longest) const;

  // For the side that evicts: one thread in all processes.
  void SetKeeper(bool present);
  // Waits until someone rings, or for so long; a ring since the last call returns at once.
  void AwaitRing(std::chrono::milliseconds longest);
  void Ring();
  // Of the requests that a pass serves: begins it and gives the bytes asked for, 0: none.
  uint64_t BeginPass();
  // All who asked before BeginPass go on; the next ring comes when stored_bytes() reaches `ring_at`.
  void EndPass(uint64_t ring_at);

 private:
  struct Page;
  CacheSignals(UniqueFd fd, Page* page) : fd_(std::move(fd)), page_(page) {}
  static Result<std::shared_ptr<CacheSignals>> Map(UniqueFd fd);
  UniqueFd fd_;
  Page* page_;
  uint32_t heard_ = 0;    // the keeper's own
  uint32_t serving_ = 0;  // the keeper's own
};

}  // namespace burrow::cas

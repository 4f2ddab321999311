#include "worker/cache_usage.h"

namespace burrow::worker {

void FillCacheUsage(const cas::CacheKeeper& keeper, cas::CacheSignals& signals, burrow::link::v1::Usage& usage) {
  const cas::CacheCounters& counters = signals.counters();
  usage.set_cache_bytes(keeper.used_bytes());
  auto& cache = *usage.mutable_cache();
  cache.set_quota_bytes(keeper.quota_bytes());
  cache.set_hits(counters.hits);
  cache.set_misses(counters.misses);
  cache.set_fetched_bytes(counters.fetched_bytes);
  cache.set_prefetched_blobs(counters.prefetched_blobs);
  cache.set_prefetched_bytes(counters.prefetched_bytes);
  cache.set_evicted_blobs(counters.evicted_blobs);
  cache.set_evicted_bytes(counters.evicted_bytes);
  cache.set_failed_fetches(counters.failed_fetches);
  cache.set_uncached_bytes(counters.uncached_bytes);
  cache.set_slow_fetches(counters.slow_fetches);
}

void FillImagefsUsage(const imagefs::Supervisor& images, cas::CacheSignals& signals, burrow::link::v1::Usage& usage) {
  const cas::CacheCounters& counters = signals.counters();
  auto& told = *usage.mutable_imagefs();
  told.set_tier(std::string(imagefs::TierName(images.tier())));
  told.set_retries(counters.retries);
  told.set_damaged_bytes(counters.damaged_bytes);
  told.set_failed_reads(counters.failed_reads);
  told.set_restarts(images.restarts());
}

}  // namespace burrow::worker

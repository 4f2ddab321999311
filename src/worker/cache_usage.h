// What a worker says of its cache and its images.
#pragma once

#include "burrow/link/v1/link.pb.h"
#include "cas/cache_keeper.h"
#include "cas/cache_signals.h"
#include "imagefs/supervisor.h"

namespace burrow::worker {

// Any thread.
void FillCacheUsage(const cas::CacheKeeper& keeper, cas::CacheSignals& signals, burrow::link::v1::Usage& usage);
void FillImagefsUsage(const imagefs::Supervisor& images, cas::CacheSignals& signals, burrow::link::v1::Usage& usage);

}  // namespace burrow::worker

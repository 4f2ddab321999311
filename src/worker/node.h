// The machine made ready for containers: what the worker builds upon, and its removal. Blocking; one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "builder/cache_mounts.h"
#include "cas/blob_cache.h"
#include "cas/blob_store.h"
#include "cas/cache_keeper.h"
#include "cas/cache_signals.h"
#include "imagefs/access_log.h"
#include "imagefs/supervisor.h"
#include "os/cgroup.h"
#include "os/mount.h"
#include "os/network.h"
#include "runtime/container.h"
#include "worker/leased_images.h"
#include "worker/prefetcher.h"
#include "worker/source_store.h"
#include "worker/state_layout.h"
#include "worker/worker.h"

namespace burrow::worker {

// Members end in reverse order; the destructor then removes the instance's control groups and directories.
struct Node {
  explicit Node(StateLayout where) : layout(std::move(where)) {}
  ~Node();

  StateLayout layout;
  std::string tag, worker_id, library;
  UniqueFd lock;
  struct Cleanup {  // runs after everything below has ended
    ~Cleanup();
    std::optional<os::CgroupRoot> cgroups;
    std::string state_root;
    std::vector<std::string> directories;
  } cleanup;
  os::Mount engine_memory;
  std::unique_ptr<os::NodeNetwork> network;
  std::unique_ptr<cas::BlobStore> store;
  os::Mount overflow_memory;
  std::shared_ptr<cas::CacheSignals> cache_signals;
  std::shared_ptr<imagefs::AccessLog> accesses;
  std::unique_ptr<cas::BlobCache> cache;
  SystemClock clock;
  std::unique_ptr<cas::CacheKeeper> keeper;
  std::unique_ptr<SourceStore> sources;
  std::unique_ptr<builder::CacheMounts> cache_mounts;
  std::unique_ptr<imagefs::Supervisor> images;
  std::unique_ptr<LeasedImages> leased_images;
  std::unique_ptr<Prefetcher> prefetcher;
  std::optional<runtime::ContainerRuntime> runtime;
};

// Locks the state directory, enters a mount namespace of its own (so: before any thread), removes what an earlier life
// left, and starts what containers need. Fails with what to do.
Result<std::unique_ptr<Node>> PrepareNode(const WorkerOptions& options);

}  // namespace burrow::worker

// What the containers of a worker share.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "burrow/link/v1/link.pb.h"
#include "imagefs/access_log.h"
#include "imagefs/image_lease.h"
#include "net/blocking_pool.h"
#include "net/task.h"
#include "runtime/container.h"
#include "worker/api_socket.h"
#include "worker/payloads.h"
#include "worker/prefetcher.h"
#include "worker/source_store.h"

namespace burrow::worker {

class ForkServers;
class LinkWatch;

// Nothing is owned, everything outlives them.
struct ContainerServices {
  net::IoContext* io = nullptr;
  net::BlockingPool* pool = nullptr;
  const runtime::ContainerRuntime* runtime = nullptr;
  imagefs::ImageProvider* images = nullptr;
  SourceStore* sources = nullptr;
  Payloads* payloads = nullptr;
  Prefetcher* prefetcher = nullptr;           // null: nothing is fetched ahead
  imagefs::AccessLog* accesses = nullptr;     // null: nothing is recorded
  std::vector<std::string> blob_directories;  // of the cache, where indexes are found
  std::shared_ptr<ApiDoor> api;               // null: functions cannot call others
  ForkServers* forks = nullptr;               // null: every container starts from nothing
  cas::BlobStore* blobs = nullptr;            // where volumes are committed to
  net::BlockingPool* commits = nullptr;       // whose threads do it, so that starts need not wait for them
  const LinkWatch* link = nullptr;
  const Clock* clock = nullptr;
  std::string containers_directory, volumes_directory;
  std::string library;  // holds the package `burrow`
  std::function<void(burrow::link::v1::FromWorker)> send;
};

}  // namespace burrow::worker

// What the containers of a worker share.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "burrow/link/v1/link.pb.h"
#include "imagefs/image_lease.h"
#include "net/blocking_pool.h"
#include "net/task.h"
#include "runtime/container.h"
#include "worker/payloads.h"
#include "worker/source_store.h"

namespace burrow::worker {

// Nothing is owned, everything outlives them.
struct ContainerServices {
  net::IoContext* io = nullptr;
  net::BlockingPool* pool = nullptr;
  const runtime::ContainerRuntime* runtime = nullptr;
  imagefs::ImageProvider* images = nullptr;
  SourceStore* sources = nullptr;
  Payloads* payloads = nullptr;
  const Clock* clock = nullptr;
  std::string containers_directory;
  std::string library;  // holds the package `burrow`
  std::function<void(burrow::link::v1::FromWorker)> send;
};

}  // namespace burrow::worker

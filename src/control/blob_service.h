// burrow.v1.Blobs/Collect, and the collection that runs by itself from time to time.
#pragma once

#include <memory>

#include "api/gateway.h"
#include "control/apps.h"
#include "control/background.h"
#include "control/blob_collector.h"
#include "control/builds.h"
#include "control/calls.h"
#include "control/containers.h"
#include "control/image_service.h"
#include "control/limits.h"
#include "control/shells.h"
#include "control/timer.h"
#include "control/volumes.h"
#include "net/event.h"

namespace burrow::control {

struct BlobServiceParts {
  net::IoContext& io;
  const Timings& timings;
  AppTable& apps;
  CallTable& calls;
  const ImageService& builds;
  const Builds& steps;
  const Shells& shells;
  const ContainerTable& containers;
  const Volumes& volumes;
  BlobCollectorParts collector;
};

// Loop's thread only; what it works on outlives it.
class BlobService {
 public:
  explicit BlobService(BlobServiceParts parts);
  void Register(api::Gateway& gateway);
  void Start();  // of the periodic collection
  void Stop();   // ends what runs soon

 private:
  net::Task<Result<pb::CollectResponse>> Collect(const pb::CollectRequest& request);
  void CollectNow();
  void Arm();
  BlobCollector::InMemory NeededInMemory() const;

  BlobServiceParts p_;
  BlobCollector collector_;
  Timer timer_;
  // Of the periodic one and of requests: one at a time. Shared with requests, which may be destroyed later.
  std::shared_ptr<bool> running_ = std::make_shared<bool>(false);
  Background thread_;  // last: it uses the rest
};

}  // namespace burrow::control

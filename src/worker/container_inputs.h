// What the start of a container needs from elsewhere: its image, the user's source, attached files, the pickled
// function.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "burrow/link/v1/link.pb.h"
#include "imagefs/image_lease.h"
#include "net/task.h"
#include "worker/container_services.h"
#include "worker/container_volumes.h"

namespace burrow::worker {

struct ContainerInputs {
  imagefs::ImageLease image;
  std::shared_ptr<const SourceDirectory> source;                 // null: there is none
  std::vector<std::shared_ptr<const SourceDirectory>> attached;  // in the specification's order
  std::string function;                                          // "" unless it is serialized
  std::vector<runtime::Bind> volumes;
};

// Finds or fetches all of it, at once where it can. `record_token`: see imagefs::AcquireOptions. `volumes`: to be
// mounted; null: there are none. All arguments outlive the coroutine; `spec` does not change meanwhile, as the pool
// reads it.
net::Task<Result<ContainerInputs>> FetchInputs(const ContainerServices& services,
                                               const burrow::link::v1::ContainerSpec& spec,
                                               const std::string& record_token, ContainerVolumes* volumes);

}  // namespace burrow::worker

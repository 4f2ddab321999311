// The start of a container of a function from nothing: its inputs fetched, its root mounted, its interpreter launched.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "burrow/link/v1/link.pb.h"
#include "net/task.h"
#include "runtime/container.h"
#include "worker/api_socket.h"
#include "worker/container_inputs.h"
#include "worker/container_services.h"
#include "worker/runner_wires.h"

namespace burrow::worker {

struct FreshStartOptions {
  std::string id;                       // names the container and its directory
  std::string record_token;             // see imagefs::AcquireOptions
  std::function<bool()> called_off;     // asked once the inputs are there; empty: never
  ContainerVolumes* volumes = nullptr;  // to be mounted; not owned
  UniqueFd fork_requests;               // set: it becomes a template, which takes them there
};

// Everything that must stay while the container lives, and the descriptors to its runner.
struct FreshStart {
  std::string directory;  // of the container; the owner removes it
  ContainerInputs inputs;
  RunnerWires wires;
  std::optional<runtime::Container> container;
};

// What a container of `spec` is started by, upon inputs that are there: its directory is made, and `api`, where it is
// given and functions can call others, its socket. Everything but the descriptors. Blocks; the pool.
Result<runtime::ContainerOptions> PrepareLaunch(const ContainerServices& services, const std::string& id,
                                                const burrow::link::v1::ContainerSpec& spec,
                                                const ContainerInputs& inputs, ApiListener* api);

// `services` and `spec` outlive the coroutine; `spec` does not change meanwhile, as the pool reads it. Where it fails
// nothing is left but the directory.
net::Task<Result<FreshStart>> StartFresh(const ContainerServices& services, const burrow::link::v1::ContainerSpec& spec,
                                         FreshStartOptions options);

}  // namespace burrow::worker

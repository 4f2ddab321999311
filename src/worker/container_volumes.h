// The volumes of one container, from their mounts to their last commit. Everything runs on the IoContext's one thread,
// unless said otherwise.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "burrow/link/v1/link.pb.h"
#include "net/task.h"
#include "runtime/container.h"
#include "worker/commit_times.h"
#include "worker/container_services.h"
#include "worker/running_container.h"

namespace burrow::worker {

struct ContainerVolumesOptions {
  std::string container_id;
  std::vector<burrow::link::v1::MountedVolume> volumes;
  bool reloads = true;  // their mounts can be exchanged: not under runsc
  CommitTimes times;
  std::function<void(std::string)> log;  // a line that the user sees; until Close has ended
};

// Directories in `floors` that nobody can write, one for each of these volumes, as a container is to have them that
// starts before it is known what is to be mounted there. Blocks; any thread.
Result<std::vector<runtime::Bind>> MakeVolumeFloors(
    const std::string& floors, const google::protobuf::RepeatedPtrField<burrow::link::v1::MountedVolume>& volumes);

class ContainerVolumes {
 public:
  // All that `services` names outlives it.
  ContainerVolumes(const ContainerServices& services, ContainerVolumesOptions options);
  ~ContainerVolumes();

  // Mounts them all; what the container then has of them. Blocks; any thread, before Begin or Close.
  Result<std::vector<runtime::Bind>> Mount();
  // A directory of MakeVolumeFloors, which Close removes.
  void TakeFloors(const std::string& floors);
  // Mounts them all in a container that runs and has these floors at their places. Blocks; any thread, before Begin or
  // Close.
  Status MountUpon(const runtime::ContainerMounts& mounts);
  // The container runs: from now on what it writes is committed at times.
  void Begin(std::shared_ptr<RunningContainer> container);
  // Its processes have ended: the last commits, waited for as long as the times say, and a line of what was lost.
  net::Task<void> CommitLast();
  // Unmounts and removes all, once the container is gone.
  net::Task<void> Close();
  // The worker is being stopped: the last commits are waited for less. False where there are no volumes.
  bool Hurry();
  bool empty() const;
  const std::string& directory() const;  // what the container writes into them lies below it

  // Answers a call of the container.
  void Ask(const burrow::link::v1::VolumeRequest& request);
  void Applied(const burrow::link::v1::VolumeApplied& answer);
  void LinkChanged();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace burrow::worker

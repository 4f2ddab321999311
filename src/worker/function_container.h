// One container with its runner, from StartContainer to its last update. Everything runs on the IoContext's one thread;
// what blocks runs on the pool.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "burrow/link/v1/link.pb.h"
#include "os/cgroup.h"
#include "worker/commit_times.h"
#include "worker/container_services.h"
#include "worker/container_state.h"
#include "worker/container_volumes.h"

namespace burrow::worker {

struct ContainerDeadlines {
  std::chrono::milliseconds start{120'000};  // from StartContainer to ready
  std::chrono::milliseconds call_grace{2'000};
  std::chrono::milliseconds disk_look{2'000};  // between two looks at what it has written
  CommitTimes commits;
};

class FunctionContainer {
 public:
  // Starts it at once. `on_gone` is called once, when nothing of it is left; the last update was sent before.
  FunctionContainer(const ContainerServices& services, burrow::link::v1::StartContainer request,
                    ContainerDeadlines deadlines, std::function<void()> on_gone);
  // Before on_gone: only when the IoContext will not run again.
  ~FunctionContainer();

  void Dispatch(burrow::link::v1::CallDispatch call);
  void Cancel(const burrow::link::v1::CancelCall& request);
  void Stop(std::chrono::milliseconds grace);
  ContainerVolumes& volumes();
  // What an inventory says of it: its last update.
  burrow::link::v1::ContainerUpdate Snapshot() const;
  ContainerState state() const;
  // Where a further process is run in it; empty before its first process exists and after its end.
  std::optional<runtime::ExecTarget> FindExecTarget() const;
  // What its control groups count; callable on any thread through the returned function, which keeps what it needs
  // alive.
  std::function<os::CgroupUsage()> UsageReader() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace burrow::worker

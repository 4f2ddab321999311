// Build steps that control asked for, each on a thread of its own pool. Everything runs on the IoContext's one thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "builder/step_runner.h"
#include "burrow/link/v1/link.pb.h"
#include "net/blocking_pool.h"
#include "net/event.h"
#include "net/task.h"

namespace burrow::worker {

class BuildManager {
 public:
  using Send = std::function<void(burrow::link::v1::FromWorker)>;
  // Nothing is owned. `caches` may be null: there are none to prune. `parallel`: steps at once; 0: by the cores.
  BuildManager(net::IoContext* io, const builder::StepRunner* runner, builder::CacheMounts* caches, Send send,
               unsigned parallel = 0);
  ~BuildManager();

  // Of a step that is there already it says again whether it waits.
  void Start(burrow::link::v1::BuildStep step);
  void Cancel(const std::string& step_id);
  // What the user's ssh agent answered a step; of a step that is not there any more: no error.
  void Answer(burrow::link::v1::AgentAnswer answer);
  // Of a step that is not there any more: no error.
  void VolumeApplied(const burrow::link::v1::VolumeApplied& answer);
  // The link is there again: says once more what control has not answered.
  void LinkOpened();
  // Removes the workspace's cache mounts that no step uses, and says how many these were.
  void PruneCaches(const std::string& workspace);
  // Cancels every step and waits for their end; false at the deadline.
  net::Task<bool> StopAll(std::chrono::milliseconds deadline);

 private:
  struct Running {
    std::shared_ptr<builder::Cancellation> cancellation;
    std::shared_ptr<builder::AgentLink> agents;
    std::shared_ptr<builder::VolumeLink> volumes;
    std::string waits_for;  // empty while it runs
  };
  Result<Running> Prepare(const std::string& step_id);
  net::Task<void> Run(burrow::link::v1::BuildStep step, Running running);
  net::Task<void> Prune(std::string workspace);
  void SayWait(const std::string& step_id, const std::string& waits_for);
  void SendDone(const std::string& step_id, const builder::StepOutcome& outcome);

  net::IoContext* io_;
  const builder::StepRunner* runner_;
  builder::CacheMounts* caches_;
  Send send_;
  std::map<std::string, Running> running_;  // by id of the step
  bool stopping_ = false;
  net::Event ended_;
  const unsigned parallel_;
  net::BlockingPool pool_, chores_;
};

}  // namespace burrow::worker

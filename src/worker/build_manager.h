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
  // Neither the context nor the runner is owned.
  BuildManager(net::IoContext* io, const builder::StepRunner* runner, Send send);
  ~BuildManager();

  void Start(burrow::link::v1::BuildStep step);
  void Cancel(const std::string& step_id);
  // Cancels every step and waits for their end; false at the deadline.
  net::Task<bool> StopAll(std::chrono::milliseconds deadline);

 private:
  net::Task<void> Run(burrow::link::v1::BuildStep step, std::shared_ptr<builder::Cancellation> cancellation);
  void SendDone(const std::string& step_id, const Result<builder::BuiltImage>& built);

  net::IoContext* io_;
  const builder::StepRunner* runner_;
  Send send_;
  std::map<std::string, std::shared_ptr<builder::Cancellation>> running_;
  net::Event ended_;
  net::BlockingPool pool_;
};

}  // namespace burrow::worker

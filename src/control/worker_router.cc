#include "control/worker_router.h"

#include <set>
#include <utility>

#include "base/log.h"

namespace burrow::control {

Container* WorkerRouter::FindAt(Worker& worker, const std::string& id) const {
  Container* container = containers_.Find(id);
  return container && container->worker == &worker ? container : nullptr;
}

void WorkerRouter::OnWorkerJoined(Worker& worker, const lpb::Hello& hello) {
  for (Container* container : worker.containers) container->reported = false;
  for (const auto& update : hello.inventory()) Adopt(worker, update);
  shells_.OnConnectionLost(worker);
  volumes_.OnConnectionLost(worker);
  templates_.OnWorkerJoined(worker, hello);
  builds_.OnWorkerJoined();
  std::set<std::shared_ptr<Function>> functions;
  for (Container* container : worker.containers) functions.insert(container->function);
  for (const auto& function : functions) dispatcher_.Pump(function);
  autoscaler_.NoteRoom();
}

// Where containers are is never stored: after a restart of control all of them are unknown, and stopped.
void WorkerRouter::Adopt(Worker& worker, const lpb::ContainerUpdate& update) {
  Container* container = FindAt(worker, update.container_id());
  if (!container) {
    LogInfo("worker {} runs the unknown container {}: it is stopped", worker.id.str(), update.container_id());
    lpb::FromControl message;
    message.mutable_stop()->set_container_id(update.container_id());
    message.mutable_stop()->set_grace_ms(2'000);
    message.mutable_stop()->set_reason("control does not know it");
    return worker.Send(message);
  }
  container->reported = true;
  if (update.phase() == lpb::CONTAINER_PHASE_READY) dispatcher_.OnReady(*container, update);
}

void WorkerRouter::OnWorkerSettled(Worker& worker) {
  auto containers = worker.containers;
  for (Container* container : containers) dispatcher_.Repeat(*container);
  builds_.OnWorkerSettled(worker);
}

void WorkerRouter::OnWorkerSaid(Worker& worker, lpb::FromWorker message) {
  switch (message.message_case()) {
    case lpb::FromWorker::kContainer:
      return OnUpdate(worker, std::move(*message.mutable_container()));
    case lpb::FromWorker::kDone:
      if (Container* container = FindAt(worker, message.done().container_id())) {
        dispatcher_.OnDone(*container, std::move(*message.mutable_done()));
      }
      return;
    case lpb::FromWorker::kItem:
      if (Container* container = FindAt(worker, message.item().container_id())) {
        dispatcher_.OnItem(*container, std::move(*message.mutable_item()));
      }
      return;
    case lpb::FromWorker::kLogs:
      return OnLogs(std::move(*message.mutable_logs()));
    case lpb::FromWorker::kStepOutput:
      return builds_.OnOutput(message.step_output());
    case lpb::FromWorker::kStepWait:
      return builds_.OnWait(worker, message.step_wait());
    case lpb::FromWorker::kStepDone:
      return builds_.OnDone(worker, message.step_done());
    case lpb::FromWorker::kTrace:
      if (Container* container = FindAt(worker, message.trace().container_id())) {
        hot_sets_.Add(*container, message.trace());
      }
      return;
    case lpb::FromWorker::kAgent:
      return builds_.OnAgent(message.agent());
    case lpb::FromWorker::kCachesPruned:
      return catalog_.OnCachesPruned(message.caches_pruned());
    case lpb::FromWorker::kShellOutput:
      return shells_.OnOutput(worker, std::move(*message.mutable_shell_output()));
    case lpb::FromWorker::kShellEnded:
      return shells_.OnEnded(worker, message.shell_ended());
    case lpb::FromWorker::kVolumeChanged:
      return volumes_.OnChanged(worker, message.volume_changed());
    case lpb::FromWorker::kVolumeRequestDone:
      return volumes_.OnDone(worker, message.volume_request_done());
    case lpb::FromWorker::kTemplateUpdate:
      return templates_.OnUpdate(worker, message.template_update());
    case lpb::FromWorker::kUsage:  // gates overcommit, which nothing does yet
      worker.usage = std::move(*message.mutable_usage());
      return;
    case lpb::FromWorker::kHello:
    case lpb::FromWorker::MESSAGE_NOT_SET:
      return;
  }
}

void WorkerRouter::OnUpdate(Worker& worker, lpb::ContainerUpdate update) {
  Container* container = FindAt(worker, update.container_id());
  if (!container) return;
  if (update.phase() == lpb::CONTAINER_PHASE_STOPPED) {
    dispatcher_.OnStopped(*container, update);
  } else if (update.phase() == lpb::CONTAINER_PHASE_READY) {
    dispatcher_.OnReady(*container, std::move(update));
  }
}

void WorkerRouter::OnLogs(lpb::Logs logs) {
  for (auto& line : *logs.mutable_lines()) {
    App* app = apps_.Find(AppId(line.app_id()));
    if (app && !app->stopped()) logs_.Append(*app, std::move(line));
  }
}

void WorkerRouter::OnWorkerLost(Worker& worker) {
  auto containers = worker.containers;
  for (Container* container : containers) dispatcher_.OnLost(*container);
  shells_.OnConnectionLost(worker);
  volumes_.OnConnectionLost(worker);
  builds_.OnWorkerLost(worker);
  templates_.OnWorkerLost(worker);
}

}  // namespace burrow::control

#include "control/overview_service.h"

#include "control/call_view_service.h"
#include "control/containers.h"

namespace burrow::control {
namespace {

// The call that has waited for a container longest, or null.
const Call* FirstWaiting(const Function& function) {
  for (const auto& call : function.queue) {
    if (call->state == Call::State::kQueued) return call.get();
  }
  return function.delayed.empty() ? nullptr : function.delayed.front().get();
}

void CountContainers(const Function& function, pb::FunctionActivity& activity) {
  uint32_t starting = 0, ready = 0, ending = 0;
  for (const Container* container : function.containers) {
    const bool current = container->generation == function.generation && !container->spent();
    if (!current || container->state == Container::State::kStopping) {
      ending++;
    } else if (container->state == Container::State::kReady) {
      ready++;
    } else {
      starting++;
    }
  }
  activity.set_starting(starting);
  activity.set_ready(ready);
  activity.set_ending(ending);
}

void PutActivity(const Function& function, SteadyTime now, pb::FunctionActivity& activity) {
  activity.set_app_id(function.app->record.id.str());
  activity.set_app_name(function.app->record.name);
  activity.set_function(function.name());
  activity.set_function_id(function.id.str());
  if (function.is_variant()) *activity.mutable_parameters() = function.spec.function().bound().values();
  activity.set_backlog(function.waiting());
  activity.set_running(function.running);
  activity.set_mean_run_ms(function.mean_run_ms.value_or(0));
  CountContainers(function, activity);
  if (const Call* waiting = FirstWaiting(function)) {
    activity.set_why(WhyWaiting(*waiting, 0, now));
    activity.set_waiting_ms(MillisBetween(waiting->submitted, now));
  }
}

void PutActivity(const Worker& worker, pb::WorkerActivity& activity) {
  activity.set_worker_id(worker.id.str());
  activity.set_cpus(worker.cpus);
  activity.set_promised_cpus(worker.promised_cpus());
  activity.set_memory_bytes(worker.memory);
  activity.set_promised_memory_bytes(worker.promised_memory());
  activity.set_containers(static_cast<uint32_t>(worker.containers.size()));
  activity.set_builds(worker.builds);
  activity.set_shells(worker.shells);
}

// A function that the app's newest version has not counts for as long as something is in it.
bool IsShown(const Function& function) {
  return !function.removed || function.running > 0 || !function.containers.empty();
}

}  // namespace

void OverviewService::Register(api::Gateway& gateway) {
  gateway.AddUnary<pb::ShowOverviewRequest, pb::Overview>(
      "burrow.v1.Overviews/Show",
      [this](const auto& by, const auto&) -> net::Task<Result<pb::Overview>> { co_return Show(by.workspace); });
}

pb::Overview OverviewService::Show(const std::string& workspace) const {
  pb::Overview overview;
  overview.set_time_ms(p_.clock.UnixMillis());
  const SteadyTime now = p_.clock.Now();
  for (const App* app : p_.apps.In(workspace)) {
    if (app->stopped()) continue;
    for (const auto& [key, function] : app->functions) {
      if (IsShown(*function)) PutActivity(*function, now, *overview.add_functions());
    }
  }
  for (const Worker* worker : p_.workers.Connected()) PutActivity(*worker, *overview.add_workers());
  return overview;
}

}  // namespace burrow::control

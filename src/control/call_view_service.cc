#include "control/call_view_service.h"

#include <utility>

#include "control/containers.h"
#include "control/validation.h"

namespace burrow::control {
namespace {

uint32_t CallsBefore(const Call& call) {
  uint32_t ahead = 0;
  for (const auto& other : call.function->queue) {
    if (other.get() == &call) break;
    if (other->state == Call::State::kQueued) ahead++;
  }
  return ahead;
}

pb::CallState StateOf(const Call& call) {
  switch (call.state) {
    case Call::State::kQueued:
      return pb::CALL_STATE_QUEUED;
    case Call::State::kDelayed:
      return pb::CALL_STATE_DELAYED;
    case Call::State::kDispatched:
      return pb::CALL_STATE_RUNNING;
    case Call::State::kFinished:
      break;
  }
  return pb::CALL_STATE_FINISHED;
}

void PutFunction(const Function& function, pb::CallView& view) {
  view.set_app_id(function.app->record.id.str());
  view.set_app_name(function.app->record.name);
  view.set_function(function.name());
}

void PutResult(const pb::CallResult& result, pb::CallView& view) {
  view.set_state(pb::CALL_STATE_FINISHED);
  view.set_attempt(result.attempt());
  view.set_container_id(result.container_id());
  *view.mutable_result() = result;
  view.mutable_result()->clear_value();
  view.mutable_result()->mutable_error()->clear_pickled();
  if (!result.has_error()) view.mutable_result()->clear_error();
}

pb::CallView ViewOf(const Call& call, SteadyTime now) {
  pb::CallView view;
  view.set_call_id(call.id.str());
  PutFunction(*call.function, view);
  if (call.done()) {
    PutResult(*call.result, view);
    return view;
  }
  view.set_state(StateOf(call));
  view.set_attempt(call.attempt);
  if (call.container) {
    view.set_container_id(call.container->id.str());
    return view;
  }
  view.set_ahead(CallsBefore(call));
  view.set_waiting_ms(MillisBetween(call.submitted, now));
  view.set_why(WhyWaiting(call, view.ahead(), now));
  return view;
}

}  // namespace

std::string WhyWaiting(const Call& call, uint32_t ahead, SteadyTime now) {
  const Function& function = *call.function;
  const auto load = LoadOf(function, now);
  if (call.state == Call::State::kDelayed)
    return fmt::format("attempt {} failed, and the next one follows after a pause", call.attempt);
  if (function.back_off.armed())
    return fmt::format("{} starts of a container failed in a row: the next one follows soon", function.failed_starts);
  if (function.starvation == Starvation::kNoWorker) return "no worker is connected";
  if (function.starvation == Starvation::kNoRoom) {
    const auto demand = DemandOf(function);
    return fmt::format("no worker has {:g} CPUs and {} MiB free", demand.cpus, demand.memory >> 20);
  }
  if (function.starvation == Starvation::kWorkspaceFull)
    return fmt::format("the workspace '{}' has as much as it may", function.workspace);
  if (load.max_containers > 0 && load.ready + load.starting >= load.max_containers && load.starting == 0)
    return fmt::format("all of its at most {} containers are busy, and {} calls are before it", load.max_containers,
                       ahead);
  if (load.starting > 0) return fmt::format("{} of its containers start", load.starting);
  return fmt::format("its {} containers are busy, and {} calls are before it", load.ready, ahead);
}

void CallViewService::Register(api::Gateway& gateway) {
  gateway.AddUnary<pb::ShowCallRequest, pb::CallView>(
      "burrow.v1.CallViews/Show", [this](const auto& by, const auto& r) { return Show(by.workspace, r); });
}

net::Task<Result<pb::CallView>> CallViewService::Show(const std::string& workspace,
                                                      const pb::ShowCallRequest& request) {
  BURROW_CO_RETURN_IF_ERROR(CheckCallId(request.call_id()));
  const CallId id(request.call_id());
  if (const auto call = p_.calls.Find(workspace, id)) co_return ViewOf(*call, p_.clock.Now());
  BURROW_CO_ASSIGN_OR_RETURN(auto record, co_await p_.store_thread.Ask([&store = p_.store, workspace, id] {
    return store.FindCall(workspace, id);
  }));
  if (const auto call = p_.calls.Find(workspace, id)) co_return ViewOf(*call, p_.clock.Now());
  pb::CallResult result;
  if (!record || record->state != store::CallState::kFinished || !result.ParseFromString(record->result)) {
    co_return Forward(NoSuchCall(id.str()));
  }
  pb::CallView view;
  view.set_call_id(id.str());
  if (const auto function = p_.apps.FindFunction(workspace, record->function)) PutFunction(*function, view);
  PutResult(result, view);
  co_return view;
}

}  // namespace burrow::control

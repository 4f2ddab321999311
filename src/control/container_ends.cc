// The dispatcher's part on containers: how they come to be ready, and what their ends mean for the calls in them.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "control/apps.h"
#include "control/dispatcher.h"

namespace burrow::control {
namespace {

void AnnounceContainer(const Container& container, bool stopped) {
  pb::AppEvent event;
  *event.mutable_container() = Describe(container);
  if (stopped) event.mutable_container()->set_state(pb::CONTAINER_STATE_STOPPED);
  container.function->app->feed.Append(std::move(event));
}

const char* CauseText(lpb::StopCause cause) {
  switch (cause) {
    case lpb::STOP_CAUSE_EXITED:
      return "its process ended";
    case lpb::STOP_CAUSE_OUT_OF_MEMORY:
      return "out of memory";
    case lpb::STOP_CAUSE_OUT_OF_DISK:
      return "out of disk";
    case lpb::STOP_CAUSE_IMPORT_FAILED:
      return "the function could not be loaded";
    case lpb::STOP_CAUSE_START_FAILED:
      return "it could not be started";
    case lpb::STOP_CAUSE_CALL_TIMEOUT:
      return "a call would not end";
    default:
      return "stopped";
  }
}

// A call that would not end is alone to blame for that; its neighbours have only lost their container.
lpb::ContainerUpdate BlameOf(const Call& call, const lpb::ContainerUpdate& update) {
  lpb::ContainerUpdate blame = update;
  bool innocent =
      update.cause() == lpb::STOP_CAUSE_CALL_TIMEOUT && !update.call_id().empty() && update.call_id() != call.id.str();
  if (innocent) blame.set_cause(lpb::STOP_CAUSE_UNSPECIFIED);
  return blame;
}

}  // namespace

void Dispatcher::OnReady(Container& container, lpb::ContainerUpdate update) {
  if (container.state != Container::State::kStarting) return;
  container.state = Container::State::kReady;
  container.was_ready = true;
  container.ready_at = clock_.Now();
  container.idle_since = container.ready_at;
  for (auto& phase : *update.mutable_phases()) container.phases.push_back(std::move(phase));
  auto function = container.function;
  function->start_ms = MillisBetween(container.decided, container.ready_at);
  function->failed_starts = 0;
  function->import_broken = false;
  function->back_off.Cancel();
  AnnounceContainer(container, false);
  container.fresh = true;
  Pump(function);
  container.fresh = false;
  if (container.calls.empty()) autoscaler_.NoteIdle(container);
}

void Dispatcher::OnStopped(Container& container, const lpb::ContainerUpdate& update) {
  auto calls = std::exchange(container.calls, {});
  container.function->running -= static_cast<uint32_t>(calls.size());
  if (container.stop_reason.empty()) container.stop_reason = CauseText(update.cause());
  bool asked = container.state == Container::State::kStopping;
  container.state = Container::State::kStopping;
  if (container.was_ready) {
    EndOfReady(container, update, std::move(calls));
  } else if (!asked) {
    EndOfStart(container, update);
  }
  Depart(container);
}

void Dispatcher::OnLost(Container& container) {
  lpb::ContainerUpdate update;
  update.set_cause(lpb::STOP_CAUSE_UNSPECIFIED);
  container.stop_reason = "its worker was lost";
  OnStopped(container, update);
}

// Only calls that ran are to blame; those behind them go back to the front of the queue.
void Dispatcher::EndOfReady(Container& container, const lpb::ContainerUpdate& update,
                            std::deque<std::shared_ptr<Call>> calls) {
  size_t running = std::min<size_t>(calls.size(), CallsAtOnce(*container.function));
  for (size_t i = calls.size(); i-- > running;) {
    calls[i]->container = nullptr;
    if (calls[i]->cancelling) {
      Fail(calls[i], Cancelled("the call was cancelled"));
    } else {
      Requeue(calls[i]);
    }
  }
  for (size_t i = running; i-- > 0;) Blame(calls[i], container, BlameOf(*calls[i], update));
}

void Dispatcher::Blame(const std::shared_ptr<Call>& call, Container& container, const lpb::ContainerUpdate& update) {
  const Function& function = *container.function;
  double run_ms = MillisBetween(container.head_since, clock_.Now());
  if (closed_ && update.cause() == lpb::STOP_CAUSE_REQUESTED) return Requeue(call);
  switch (update.cause()) {
    case lpb::STOP_CAUSE_OUT_OF_MEMORY:
      return EndAttempt(call, scheduler::AttemptEnd::kOutOfMemory, OutOfMemory(function), container, run_ms);
    case lpb::STOP_CAUSE_OUT_OF_DISK:
      return EndAttempt(call, scheduler::AttemptEnd::kOutOfDisk, OutOfDisk(function), container, run_ms);
    case lpb::STOP_CAUSE_CALL_TIMEOUT:
      return EndAttempt(call, scheduler::AttemptEnd::kTimeout, TimedOut(function, update.error()), container, run_ms);
    case lpb::STOP_CAUSE_EXITED:
    case lpb::STOP_CAUSE_IMPORT_FAILED:
    case lpb::STOP_CAUSE_START_FAILED:
      return EndAttempt(call, scheduler::AttemptEnd::kCrashed, Crashed(function, update.exit_code()), container,
                        run_ms);
    default:
      return EndAttempt(
          call, scheduler::AttemptEnd::kContainerLost,
          Infrastructure(fmt::format("Burrow lost the container of {} {} times: look at the workers' logs",
                                     Label(function), scheduler::kMaxLostContainers)),
          container, run_ms);
  }
}

void Dispatcher::EndOfStart(Container& container, const lpb::ContainerUpdate& update) {
  auto function = container.function;
  if (container.generation != function->generation || closed_) return;
  bool others = LoadOf(*function, clock_.Now()).ready > 0;
  auto break_import = [&](const Failure& failure) {
    function->import_broken = true;
    FailWaiting(*function, failure);
  };
  switch (update.cause()) {
    case lpb::STOP_CAUSE_IMPORT_FAILED:
      return break_import(ImportFailed(*function, update.error()));
    case lpb::STOP_CAUSE_OUT_OF_MEMORY:
      if (!others) return break_import(OutOfMemory(*function));
      break;
    case lpb::STOP_CAUSE_OUT_OF_DISK:
      if (!others) return break_import(OutOfDisk(*function));
      break;
    case lpb::STOP_CAUSE_EXITED:
      if (!others) return break_import(CrashedInImport(*function, update.exit_code()));
      break;
    case lpb::STOP_CAUSE_START_FAILED:
      break;
    default:
      return;  // lost or asked for: scaling starts another one
  }
  LogWarn("container {} of {} could not be started: {}", container.id.str(), Label(*function),
          update.error().message());
  autoscaler_.NoteFailedStart(function, update.error().message().empty()
                                            ? "the container could not be started: look at the worker's log"
                                            : update.error().message());
}

void Dispatcher::Depart(Container& container) {
  auto function = container.function;
  App& app = *function->app;
  AnnounceContainer(container, true);
  containers_.Remove(container);
  app.changed.Notify();
  if (closed_) return;
  autoscaler_.NoteRoom();
  if (app.live()) Pump(function);
}

void Dispatcher::Repeat(Container& container) {
  if (!container.reported) return OnLost(container);
  if (container.state == Container::State::kStopping) {
    container.state = Container::State::kReady;
    autoscaler_.Stop(container, container.stop_reason, timings_.stop_grace);
    return;
  }
  for (const auto& call : container.calls) {
    if (call->session == container.worker->session) continue;
    call->session = container.worker->session;
    call->recalled = false;
    SendDispatch(container, *call);
    if (call->cancelling) SendCancel(container, *call);
  }
}

void Dispatcher::Sweep() {
  auto now = clock_.Now();
  for (Container* container : containers_.All()) {
    if (!container->worker->connected()) continue;
    lpb::ContainerUpdate update;
    if (container->state == Container::State::kStopping && now > container->stop_by) {
      update.set_cause(lpb::STOP_CAUSE_REQUESTED);
    } else if (container->state == Container::State::kStarting &&
               now > container->decided + StartDeadline(*container->function, timings_.start_deadline)) {
      update.set_cause(lpb::STOP_CAUSE_START_FAILED);
      update.mutable_error()->set_message(
          fmt::format("the container was not ready after {:g} s: look at the worker's log",
                      Seconds(StartDeadline(*container->function, timings_.start_deadline))));
    } else if (!container->calls.empty() && container->state == Container::State::kReady &&
               now > container->head_since + Millis(TimeoutMs(*container->function)) + timings_.overdue_call) {
      update.set_cause(lpb::STOP_CAUSE_CALL_TIMEOUT);
    } else {
      continue;
    }
    LogWarn("container {} is overdue and given up", container->id.str());
    auto state = container->state;
    autoscaler_.Stop(*container, "overdue", Millis(0));
    container->state = state;
    OnStopped(*container, update);
  }
}

void Dispatcher::Close() {
  closed_ = true;
  autoscaler_.Close();
}

}  // namespace burrow::control

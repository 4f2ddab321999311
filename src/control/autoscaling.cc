#include "control/autoscaling.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "control/apps.h"
#include "control/classes.h"
#include "scheduler/autoscaler.h"
#include "scheduler/fair_share.h"
#include "scheduler/placement.h"

namespace burrow::control {
namespace {

constexpr unsigned kMaxBackOffDoublings = 7;

scheduler::WorkerCapacity CapacityOf(const Worker& worker, const Function& function, bool as_if_stopped) {
  scheduler::WorkerCapacity capacity{.cpus = worker.cpus,
                                     .reserved_cpus = worker.promised_cpus(),
                                     .memory = worker.memory,
                                     .reserved_memory = worker.promised_memory()};
  if (as_if_stopped) capacity.reserved_memory -= worker.leaving_template_memory;
  for (const Container* container : worker.containers) {
    if (container->function.get() == &function) capacity.containers_of_function++;
    if (as_if_stopped && container->state == Container::State::kStopping) {
      capacity.reserved_cpus -= container->demand.cpus;
      capacity.reserved_memory -= container->demand.memory;
    }
  }
  return capacity;
}

std::vector<scheduler::WorkerCapacity> CapacitiesOf(const std::vector<Worker*>& workers, const Function& function,
                                                    bool as_if_stopped) {
  std::vector<scheduler::WorkerCapacity> capacities;
  capacities.reserve(workers.size());
  for (const Worker* worker : workers) capacities.push_back(CapacityOf(*worker, function, as_if_stopped));
  return capacities;
}

std::string LargestWorker(const std::vector<Worker*>& workers) {
  const Worker* largest = *std::ranges::max_element(workers, {}, [](const Worker* worker) { return worker->memory; });
  return fmt::format("{:g} CPUs and {} MiB", largest->cpus, largest->memory >> 20);
}

}  // namespace

// How many containers are to be started for it now.
uint32_t Autoscaler::Wanted(const std::shared_ptr<Function>& function) {
  if (closed_ || function->removed || !function->app->live() || function->back_off.armed()) return 0;
  const uint32_t wanted = scheduler::DecideScale(LoadOf(*function, clock_.Now())).start;
  if (wanted == 0) {
    EndStarvation(*function);
    return 0;
  }
  const Status may = CheckStart(*function);
  if (may) return wanted;
  function->import_broken = true;  // until somebody calls again
  fail_waiting(*function, Infrastructure(may.error().message()));
  EndStarvation(*function);
  return 0;
}

// Says why none of its containers may start, now or ever.
Status Autoscaler::CheckStart(const Function& function) const {
  const auto demand = DemandOf(function);
  const auto bounds = workspaces_.BoundsOf(function.workspace);
  if (!scheduler::MayStart({.bounds = bounds}, demand)) {
    return Fail(Code::kFailedPrecondition,
                "a container of {} reserves {:g} CPUs and {} MiB, and all of the workspace '{}' may reserve {} and {}: "
                "ask for less, or have an admin raise it (`burrow workspace update`)",
                Label(function), demand.cpus, demand.memory >> 20, function.workspace,
                bounds.cpus > 0 ? fmt::format("{:g} CPUs", bounds.cpus) : "any CPUs",
                bounds.memory > 0 ? fmt::format("{} MiB", bounds.memory >> 20) : "any memory");
  }
  return check_start ? check_start(function) : Status();
}

void Autoscaler::Adjust(const std::shared_ptr<Function>& function) {
  if (Wanted(function) == 0) return;
  if (function->starvation == Starvation::kWorkspaceFull && !MayStart(*function)) return;
  std::vector claims = {function};
  // Others are asked only where there is something to share.
  const bool alone =
      !guests_.anyone_waits() && (starved_.empty() || (starved_.size() == 1 && starved_.front() == function));
  if (!alone && FindRoom(*function, workers_.Connected(), false)) {
    claims = starved_;
    if (function->starvation == Starvation::kNone) claims.push_back(function);
  }
  Share(claims);
}

void Autoscaler::Warm(const std::shared_ptr<Function>& function) {
  if (closed_ || function->removed || !function->app->live() || function->back_off.armed()) return;
  const auto idles = [](const Container* container) { return container->takes_calls() && container->calls.empty(); };
  if (const auto idle = std::ranges::find_if(function->containers, idles); idle != function->containers.end()) {
    (*idle)->idle_since = clock_.Now();
    return;
  }
  const auto load = LoadOf(*function, clock_.Now());
  if (load.ready + load.starting > 0) return;
  if (NeedsParameters(function->spec.function()) || !CheckStart(*function)) return;
  if (!MayStart(*function)) return;
  if (Worker* worker = FindRoom(*function, workers_.Connected(), false)) StartOn(function, *worker, clock_.Now());
}

bool Autoscaler::StartOne(const std::shared_ptr<Function>& function) {
  auto decided = clock_.Now();
  auto connected = workers_.Connected();
  if (connected.empty()) {
    Starve(function, Starvation::kNoWorker);
    return false;
  }
  Worker* worker = FindRoom(*function, connected, false);
  if (!worker) {
    if (!MakeRoom(*function, connected) && function->containers.empty()) {
      auto demand = DemandOf(*function);
      fail_waiting(*function, Infrastructure(fmt::format(
                                  "{} asks for {:g} CPUs and {} MiB, but the largest worker has {}: ask for less with "
                                  "@app.function(cpu=..., memory=...) or add a larger worker",
                                  Label(*function), demand.cpus, demand.memory >> 20, LargestWorker(connected))));
      EndStarvation(*function);
      return false;
    }
    Starve(function, Starvation::kNoRoom);
    return false;
  }
  StartOn(function, *worker, decided);
  return true;
}

void Autoscaler::StartOn(const std::shared_ptr<Function>& function, Worker& worker, SteadyTime decided) {
  Container& container = containers_.Add(function, worker);
  container.decided = decided;
  container.reported = true;
  SendStart(container);
}

void Autoscaler::SendStart(Container& container) {
  lpb::FromControl message;
  message.mutable_start()->set_container_id(container.id.str());
  *message.mutable_start()->mutable_spec() = container.function->spec;
  if (prepare_start) prepare_start(*container.function, *message.mutable_start());
  container.heads.NoteStart(message.start().volumes());
  container.worker->Send(message);
  container.started_ms = clock_.UnixMillis();
  container.place_ms = MillisBetween(container.decided, clock_.Now());
  pb::AppEvent event;
  *event.mutable_container() = Describe(container);
  container.function->app->feed.Append(std::move(event));
}

Worker* Autoscaler::FindRoom(const Function& function, const std::vector<Worker*>& connected,
                             bool as_if_stopped) const {
  auto index = scheduler::Place(DemandOf(function), CapacitiesOf(connected, function, as_if_stopped));
  return index ? connected[*index] : nullptr;
}

bool Autoscaler::WaitsForMemory(const Function& function) const {
  auto capacities = CapacitiesOf(workers_.Connected(), function, true);
  for (auto& capacity : capacities) capacity.reserved_memory = 0;
  return scheduler::Place(DemandOf(function), capacities).has_value();
}

// Gives up templates and stops idle containers of others until the function fits once they have gone. False when no
// worker could ever hold it.
bool Autoscaler::MakeRoom(const Function& function, const std::vector<Worker*>& connected) {
  if (!scheduler::CouldEverFit(DemandOf(function), CapacitiesOf(connected, function, false))) return false;
  do {
    if (FindRoom(function, connected, true)) return true;
  } while (WaitsForMemory(function) && templates_.GiveUpOn(connected));
  std::vector<Container*> idle;
  for (Container* container : containers_.All()) {
    if (container->function.get() != &function && Expendable(*container)) idle.push_back(container);
  }
  std::ranges::sort(idle, {}, [](const Container* container) { return container->idle_since; });
  for (Container* container : idle) {
    if (!Expendable(*container)) continue;
    Stop(*container, "its room was needed by another function", timings_.stop_grace);
    if (FindRoom(function, connected, true)) break;
  }
  return true;
}

bool Autoscaler::Expendable(const Container& container) const {
  const Function& owner = *container.function;
  return container.state == Container::State::kReady && container.calls.empty() && owner.queued == 0 &&
         scheduler::MayStopIdle(LoadOf(owner, clock_.Now()), ScaledownWindow(owner), ScaledownWindow(owner));
}

void Autoscaler::Starve(const std::shared_ptr<Function>& function, Starvation why) {
  if (function->starvation == why) return;
  if (function->starvation == Starvation::kNone) {
    starved_.push_back(function);
    function->starved_since = clock_.Now();
  }
  function->starvation = why;
  // What a workspace may have is its own affair: calls wait for it as for the function's own bound.
  if (why == Starvation::kWorkspaceFull) return function->starved_deadline.Cancel();
  auto patience = why == Starvation::kNoWorker ? timings_.no_worker : timings_.no_room;
  function->starved_deadline.Start(patience, [this, weak = std::weak_ptr(function)] {
    if (auto starved = weak.lock()) OnStarved(starved);
  });
}

void Autoscaler::EndStarvation(Function& function) {
  if (function.starvation == Starvation::kNone) return;
  function.starvation = Starvation::kNone;
  function.starved_deadline.Cancel();
  std::erase_if(starved_, [&](const auto& other) { return other.get() == &function; });
}

void Autoscaler::OnStarved(const std::shared_ptr<Function>& function) {
  auto why = function->starvation;
  EndStarvation(*function);
  if (!function->app->live()) return;
  // Its containers go on meanwhile, or nobody waits: it may go on waiting for room.
  if (function->queued == 0 || !function->containers.empty()) return Adjust(function);
  if (why == Starvation::kNoWorker) {
    fail_waiting(*function, Infrastructure(fmt::format(
                                "no worker was connected for {:g} s: start one with `burrowd worker`, or `burrowd up` "
                                "on this machine",
                                Seconds(timings_.no_worker))));
  } else {
    auto demand = DemandOf(*function);
    fail_waiting(*function, Infrastructure(fmt::format(
                                "no worker had room for the {:g} CPUs and {} MiB of {} for {:g} s: stop other apps "
                                "(`burrow app ls`), ask for less, or add a worker",
                                demand.cpus, demand.memory >> 20, Label(*function), Seconds(timings_.no_room))));
  }
}

void Autoscaler::NoteRoom() {
  if (closed_) return;
  const auto waiting = starved_;
  Share(waiting);
}

void Autoscaler::NoteIdle(Container& container) {
  container.idle_since = clock_.Now();
  const auto waits = [&](const std::shared_ptr<Function>& function) {
    return function->starvation == Starvation::kWorkspaceFull && function->workspace == container.function->workspace;
  };
  if (guests_.FirstWaiting(container.function->workspace)) FreeInWorkspace(container.function->workspace, nullptr);
  if (const auto first = std::ranges::find_if(starved_, waits); first != starved_.end()) WaitForWorkspace(*first);
  if (container.state == Container::State::kStopping) return;
  if (container.generation != container.function->generation) {
    return Stop(container, "its function was published anew", timings_.stop_grace);
  }
  if (container.idle_timer.armed()) return;
  container.idle_timer.Start(ScaledownWindow(*container.function), [this, &container] { OnIdleTimer(container); });
}

// Armed once for many calls, so that a warm call costs no timer: what is left of the window is waited for here.
void Autoscaler::OnIdleTimer(Container& container) {
  if (container.state != Container::State::kReady || !container.calls.empty()) return;
  auto window = ScaledownWindow(*container.function);
  auto idle = std::chrono::duration_cast<Millis>(clock_.Now() - container.idle_since);
  if (idle < window) {
    container.idle_timer.Start(window - idle + Millis(1), [this, &container] { OnIdleTimer(container); });
  } else if (scheduler::MayStopIdle(LoadOf(*container.function, clock_.Now()), idle, window)) {
    Stop(container, "idle", timings_.stop_grace);
  } else if (container.function->spec.function().buffer_containers() > 0) {
    // Kept because of calls elsewhere: nothing else looks at it again once they have ended.
    container.idle_timer.Start(window, [this, &container] { OnIdleTimer(container); });
  }
}

void Autoscaler::Stop(Container& container, const std::string& reason, Millis grace) {
  if (container.state == Container::State::kStopping) return;
  container.state = Container::State::kStopping;
  container.idle_timer.Cancel();
  container.stop_reason = reason;
  const auto& spec = container.function->spec.function();
  if (spec.class_spec().has_exit() && grace > Millis(0)) grace = std::max(grace, timings_.exit_grace);
  container.stop_by = clock_.Now() + grace + timings_.stop_deadline;
  lpb::FromControl message;
  message.mutable_stop()->set_container_id(container.id.str());
  message.mutable_stop()->set_grace_ms(static_cast<uint32_t>(grace.count()));
  message.mutable_stop()->set_reason(reason);
  container.worker->Send(message);
}

void Autoscaler::Reconsider(const std::shared_ptr<Function>& function) {
  const auto containers = function->containers;
  for (Container* container : containers) {
    container->idle_timer.Cancel();
    OnIdleTimer(*container);
  }
  Adjust(function);
}

// Whatever would come back to the function later goes now: its app may be gone by then.
void Autoscaler::Forget(Function& function) {
  function.back_off.Cancel();
  function.overdue_check.Cancel();
  EndStarvation(function);
}

void Autoscaler::Retire(Function& function) {
  auto containers = function.containers;
  for (Container* container : containers) {
    bool old = container->generation != function.generation;
    if (old && container->calls.empty()) Stop(*container, "its function was published anew", timings_.stop_grace);
  }
}

void Autoscaler::NoteFailedStart(const std::shared_ptr<Function>& function, const std::string& sentence) {
  function->failed_starts++;
  if (function->failed_starts >= kMaxFailedStarts && LoadOf(*function, clock_.Now()).ready == 0) {
    fail_waiting(*function, Infrastructure(sentence));
  }
  auto doublings = std::min(function->failed_starts - 1, kMaxBackOffDoublings);
  function->back_off.Start(timings_.start_backoff * (1 << doublings), [this, weak = std::weak_ptr(function)] {
    if (auto due = weak.lock()) Adjust(due);
  });
}

}  // namespace burrow::control

#include "control/dispatcher.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/faults.h"
#include "control/apps.h"
#include "scheduler/autoscaler.h"

namespace burrow::control {

namespace {

// Calls that may be in one container: what runs at once, or what is sent ahead.
size_t Credit(const Function& function) {
  if (function.spec.function().single_use_containers()) return 1;
  uint32_t at_once = CallsAtOnce(function);
  return at_once > 1 ? at_once : scheduler::DispatchCredit(function.mean_run_ms);
}

}  // namespace

Dispatcher::Dispatcher(net::IoContext& io, const Clock& clock, const Timings& timings, CallTable& calls,
                       ContainerTable& containers, Autoscaler& autoscaler)
    : io_(io), clock_(clock), timings_(timings), calls_(calls), containers_(containers), autoscaler_(autoscaler) {
  autoscaler_.fail_waiting = [this](Function& function, const Failure& failure) { FailWaiting(function, failure); };
}

void Dispatcher::Submit(const std::shared_ptr<Call>& call) {
  auto& function = call->function;
  call->submitted = clock_.Now();
  function->unused_since_ms = 0;
  if (!function->app->live()) return Fail(call, Cancelled("the app was stopped"));
  // Somebody calls again after starts had failed: that is worth a try at once.
  if (function->failed_starts >= kMaxFailedStarts) function->back_off.Cancel();
  call->state = Call::State::kQueued;
  function->queue.push_back(call);
  function->queued++;
  Pump(function);
}

void Dispatcher::Pump(const std::shared_ptr<Function>& function) {
  if (closed_) return;
  while (MayHandOut(*function)) {
    Container* container = PickContainer(*function);
    if (!container) break;
    if (auto call = NextQueued(*function)) Dispatch(*container, call);
  }
  if (draining_ && !MayHandOut(*function)) return;  // what waits starts no container any more
  RecallStuck(*function);
  autoscaler_.Adjust(function);
  WatchHeads(function);
}

// While draining, makes a call that a function made the next one.
bool Dispatcher::MayHandOut(Function& function) const {
  if (function.queued == 0 || !draining_) return function.queued > 0;
  auto& queue = function.queue;
  auto first =
      std::ranges::find_if(queue, [](const auto& call) { return call->nested && call->state == Call::State::kQueued; });
  if (first == queue.end()) return false;
  std::rotate(queue.begin(), first, std::next(first));
  return true;
}

// Calls were sent ahead to a container because they would have had their turn at once. Behind one that runs longer than
// expected they would wait for its end, so they are asked back and queued again.
void Dispatcher::RecallStuck(Function& function) {
  auto now = clock_.Now();
  for (Container* container : function.containers) {
    if (!container->overdue(now) || container->state != Container::State::kReady) continue;
    if (!container->worker->connected()) continue;
    for (size_t i = container->calls.size(); i-- > 1;) {  // the last first, since each goes to the queue's front
      Call& call = *container->calls[i];
      if (call.recalled || call.cancelling) continue;
      call.recalled = true;
      SendCancel(*container, call, true);
    }
  }
}

// Looks again once the first of the calls that others wait for has become overdue.
void Dispatcher::WatchHeads(const std::shared_ptr<Function>& function) {
  if (function->overdue_check.armed() || CallsAtOnce(*function) > 1) return;
  auto now = clock_.Now();
  std::optional<SteadyTime> first;
  for (const Container* container : function->containers) {
    bool somebody_waits = function->queued > 0 || container->calls.size() > 1;
    if (!somebody_waits || container->calls.empty() || container->overdue(now)) continue;
    SteadyTime due = container->head_since + scheduler::kOverdueAfter;
    first = first ? std::min(*first, due) : due;
  }
  if (!first) return;
  function->overdue_check.Start(std::chrono::ceil<Millis>(*first - now), [this, weak = std::weak_ptr(function)] {
    if (auto due = weak.lock()) Pump(due);
  });
}

// The emptiest one within its credit; of equal ones the last used, so that the others can become idle. None whose call
// is overdue: who is put behind it may wait for long.
Container* Dispatcher::PickContainer(const Function& function) const {
  size_t credit = Credit(function);
  auto now = clock_.Now();
  Container* best = nullptr;
  for (Container* container : function.containers) {
    if (!container->takes_calls() || !container->reported || !container->worker->connected()) continue;
    if (container->calls.size() >= credit || container->overdue(now)) continue;
    bool better = !best || container->calls.size() < best->calls.size() ||
                  (container->calls.size() == best->calls.size() && container->idle_since > best->idle_since);
    if (better) best = container;
  }
  return best;
}

std::shared_ptr<Call> Dispatcher::NextQueued(Function& function) {
  while (!function.queue.empty()) {
    auto call = std::move(function.queue.front());
    function.queue.pop_front();
    if (call->state != Call::State::kQueued) continue;
    function.queued--;
    return call;
  }
  function.queued = 0;
  return nullptr;
}

void Dispatcher::Dispatch(Container& container, const std::shared_ptr<Call>& call) {
  auto now = clock_.Now();
  call->state = Call::State::kDispatched;
  call->attempt++;
  call->recalled = false;
  call->container = &container;
  call->session = container.worker->session;
  call->cold = container.fresh && call->submitted < container.ready_at;
  auto slot_found = call->cold ? container.decided : now;
  call->queue_ms = std::max(0.0, MillisBetween(call->submitted, slot_found));
  if (container.calls.empty()) container.head_since = now;
  container.calls.push_back(call);
  container.used = true;
  call->function->running++;
  SendDispatch(container, *call);
  KillPoint("control.call.dispatched");
}

void Dispatcher::SendDispatch(const Container& container, const Call& call) const {
  lpb::FromControl message;
  auto& dispatch = *message.mutable_call();
  dispatch.set_container_id(container.id.str());
  dispatch.set_call_id(call.id.str());
  dispatch.set_attempt(call.attempt);
  *dispatch.mutable_arguments() = call.arguments;
  dispatch.set_timeout_ms(TimeoutMs(*call.function));
  dispatch.set_method(call.method);
  container.worker->Send(message);
}

void Dispatcher::SendCancel(const Container& container, const Call& call, bool unless_begun) const {
  lpb::FromControl message;
  message.mutable_cancel()->set_container_id(container.id.str());
  message.mutable_cancel()->set_call_id(call.id.str());
  message.mutable_cancel()->set_unless_begun(unless_begun);
  container.worker->Send(message);
}

bool Dispatcher::Cancel(const std::shared_ptr<Call>& call, const std::string& why) {
  switch (call->state) {
    case Call::State::kFinished:
      return false;
    case Call::State::kDispatched:
      if (!call->cancelling) SendCancel(*call->container, *call);
      call->cancelling = true;
      return true;
    case Call::State::kQueued:
      call->function->queued--;
      Fail(call, Cancelled(why));
      DropEnded(*call->function);
      return true;
    case Call::State::kDelayed:
      std::erase(call->function->delayed, call);
      break;
  }
  Fail(call, Cancelled(why));
  return true;
}

// Where nothing is taken from the queue for long, cancelled calls must not fill it.
void Dispatcher::DropEnded(Function& function) {
  constexpr size_t kSlack = 1'000;
  if (function.queue.size() < 2 * size_t{function.queued} + kSlack) return;
  std::erase_if(function.queue, [](const auto& call) { return call->state != Call::State::kQueued; });
}

uint32_t Dispatcher::CancelAll(Function& function, const std::string& why) {
  std::vector<std::shared_ptr<Call>> ended;
  for (auto& call : function.queue) {
    if (call->state == Call::State::kQueued) ended.push_back(std::move(call));
  }
  function.queue.clear();
  function.queued = 0;
  std::ranges::move(std::exchange(function.delayed, {}), std::back_inserter(ended));
  for (Container* container : function.containers) {
    std::ranges::move(std::exchange(container->calls, {}), std::back_inserter(ended));
  }
  function.running = 0;
  for (const auto& call : ended) Fail(call, Cancelled(why));
  return static_cast<uint32_t>(ended.size());
}

void Dispatcher::CancelWaiting(Function& function, const std::string& why) {
  FailWaiting(function, Cancelled(why));
  for (const auto& call : std::exchange(function.delayed, {})) Fail(call, Cancelled(why));
}

std::shared_ptr<Call> Dispatcher::TakeFromContainer(Container& container, const std::string& call_id,
                                                    uint32_t attempt) {
  auto& calls = container.calls;
  auto found = std::ranges::find_if(
      calls, [&](const auto& call) { return call->attempt == attempt && call->id.str() == call_id; });
  if (found == calls.end()) return nullptr;
  auto call = std::move(*found);
  if (found == calls.begin()) container.head_since = clock_.Now();
  calls.erase(found);
  call->container = nullptr;
  container.function->running--;
  return call;
}

void Dispatcher::OnDone(Container& container, lpb::CallDone done) {
  auto call = TakeFromContainer(container, done.call_id(), done.attempt());
  if (!call) return;  // a repeat, or one that was given up
  KillPoint("control.outcome.received");
  auto function = container.function;
  if (done.status() == pb::CALL_STATUS_CANCELLED && call->recalled && !call->cancelling) {
    call->attempt--;  // it has not begun
    Requeue(call);
    return OnSlotFree(container);
  }
  container.calls_done++;
  if (done.status() == pb::CALL_STATUS_SUCCESS) {
    NoteRunTime(*function, done.run_ms());
    auto result = ResultOf(*call, &container, done.run_ms());
    result.set_status(pb::CALL_STATUS_SUCCESS);
    if (done.has_value()) result.mutable_value()->Swap(done.mutable_value());
    calls_.Finish(call, std::move(result));
  } else if (done.status() == pb::CALL_STATUS_CANCELLED || call->cancelling) {
    Fail(call, Cancelled("the call was cancelled"));
  } else if (done.status() == pb::CALL_STATUS_TIMEOUT) {
    EndAttempt(call, scheduler::AttemptEnd::kTimeout, TimedOut(*function, done.error()), container, done.run_ms());
  } else {
    NoteRunTime(*function, done.run_ms());
    Failure failure{pb::CALL_STATUS_USER_ERROR, std::move(*done.mutable_error())};
    EndAttempt(call, scheduler::AttemptEnd::kUserError, std::move(failure), container, done.run_ms());
  }
  OnSlotFree(container);
}

void Dispatcher::OnSlotFree(Container& container) {
  auto function = container.function;
  if (!container.spent()) autoscaler_.YieldToOthers(container);
  if (container.spent() && container.calls.empty()) {
    autoscaler_.Stop(container, container.yielded ? "others that wait have less" : "it takes one call",
                     timings_.stop_grace);
  }
  if (function->queued > 0) {
    Pump(function);
  } else if (container.calls.size() > 1) {
    WatchHeads(function);
  }
  if (container.calls.empty() && container.state == Container::State::kReady) autoscaler_.NoteIdle(container);
}

void Dispatcher::OnItem(Container& container, lpb::CallItem item) {
  auto found = std::ranges::find_if(container.calls, [&](const auto& call) {
    return call->attempt == item.attempt() && call->id.str() == item.call_id();
  });
  if (found == container.calls.end()) return;
  // A reference would dangle: the call leaves the container's list below.
  auto call = *found;  // NOLINT(performance-unnecessary-copy-initialization)
  // An attempt that follows a lost one yields from the start again.
  if (!call->group || item.item_index() < call->next_item) return;
  GroupOutput output{.call = call->id, .index = call->index, .item_index = item.item_index()};
  output.item = std::make_shared<const pb::Payload>(std::move(*item.mutable_item()));
  bool in_order = item.item_index() == call->next_item;
  if (in_order && call->group->AppendItem(std::move(output))) {
    call->next_item++;
    return;
  }
  SendCancel(container, *call);
  TakeFromContainer(container, item.call_id(), item.attempt());
  Fail(call, Infrastructure(
                 in_order ? fmt::format("{} yielded more than {} MiB that nobody took: take its items as they come, or "
                                        "yield less at once",
                                        Label(*call->function), kMaxUnreadItemBytes >> 20)
                          : "an item of the generator was lost on its way: call it again"));
  OnSlotFree(container);
}

void Dispatcher::EndAttempt(const std::shared_ptr<Call>& call, scheduler::AttemptEnd end, Failure failure,
                            Container& container, double run_ms) {
  auto decision = scheduler::DecideRetry(RetryPolicyOf(*call->function), end, call->budget);
  bool retry = decision.verdict == scheduler::Verdict::kRetry && !call->cancelling;
  if (retry && call->function->app->live() && !call->function->removed) {
    return decision.delay > Millis(0) ? Delay(call, decision.delay) : Requeue(call);
  }
  if (call->cancelling) failure = Cancelled("the call was cancelled");
  auto result = ResultOf(*call, &container, run_ms);
  result.set_status(failure.status);
  *result.mutable_error() = std::move(failure.error);
  calls_.Finish(call, std::move(result));
}

void Dispatcher::Fail(const std::shared_ptr<Call>& call, Failure failure) {
  auto result = ResultOf(*call, call->container, 0);
  call->container = nullptr;
  result.set_status(failure.status);
  *result.mutable_error() = std::move(failure.error);
  calls_.Finish(call, std::move(result));
}

void Dispatcher::FailWaiting(Function& function, const Failure& failure) {
  auto waiting = std::exchange(function.queue, {});
  function.queued = 0;
  for (const auto& call : waiting) {
    if (call->state == Call::State::kQueued) Fail(call, failure);
  }
}

void Dispatcher::Requeue(const std::shared_ptr<Call>& call) {
  if (call->function->removed) return Fail(call, Cancelled("its function is no part of the app any more"));
  call->state = Call::State::kQueued;
  call->container = nullptr;
  call->submitted = clock_.Now();
  call->function->queue.push_front(call);
  call->function->queued++;
}

void Dispatcher::Delay(const std::shared_ptr<Call>& call, Millis delay) {
  call->state = Call::State::kDelayed;
  call->container = nullptr;
  call->function->delayed.push_back(call);
  call->delay = std::make_unique<Timer>(io_);
  call->delay->Start(delay, [this, weak = std::weak_ptr(call)] {
    auto due = weak.lock();
    if (!due || due->state != Call::State::kDelayed) return;
    std::erase(due->function->delayed, due);
    Requeue(due);
    Pump(due->function);
  });
}

pb::CallResult Dispatcher::ResultOf(const Call& call, const Container* container, double run_ms) const {
  pb::CallResult result;
  result.set_call_id(call.id.str());
  result.set_attempt(call.attempt);
  if (!container) return result;
  result.set_container_id(container->id.str());
  result.set_cold(call.cold);
  auto add = [&result](const char* name, double ms) {
    auto& phase = *result.add_phases();
    phase.set_name(name);
    phase.set_ms(ms);
  };
  add("queue", call.queue_ms);
  if (call.cold) {
    add("place", container->place_ms);
    for (const auto& phase : container->phases) *result.add_phases() = phase;
  }
  add("run", run_ms);
  return result;
}

}  // namespace burrow::control

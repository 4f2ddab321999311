#include "worker/call_lane.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/faults.h"
#include "base/log.h"
#include "net/detached.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::CallDispatch;
using burrow::link::v1::CallDone;
using burrow::link::v1::FromWorker;
using std::chrono::milliseconds;

constexpr uint32_t kDefaultTimeoutMs = 300'000;
constexpr milliseconds kNudge{100};

struct LaneCall {
  explicit LaneCall(net::IoContext& io) : timer(io), nudge(io) {}

  std::string id;
  uint32_t attempt = 0;
  std::string method;
  milliseconds timeout{0};
  std::string arguments;
  std::shared_ptr<Spool> large_arguments;  // in place of `arguments`
  bool fetched = false;
  bool at_runner = false;              // handed over and not answered
  std::optional<CancelReason> ending;  // why we asked the runner to end it
  std::string failure;                 // what Burrow could not do for it
  boost::asio::steady_timer timer, nudge;
};
using LaneCalls = std::deque<std::shared_ptr<LaneCall>>;

LaneCalls::iterator FindCall(LaneCalls& calls, const std::string& id) {
  return std::ranges::find_if(calls, [&](const auto& call) { return call->id == id; });
}

burrow::v1::CallError EndedEarly(CancelReason reason, milliseconds timeout) {
  burrow::v1::CallError error;
  if (reason == CancelReason::kTimeout) {
    error.set_type("FunctionTimeout");
    error.set_message(fmt::format(
        "the call ran longer than its timeout of {:g} s: raise timeout= of the function, or give each call less to do",
        static_cast<double>(timeout.count()) / 1000));
  } else {
    error.set_type("Cancelled");
    error.set_message("the call was cancelled");
  }
  return error;
}

}  // namespace

struct CallLane::State : std::enable_shared_from_this<State> {
  State(net::IoContext& io_context, LaneHost* lane_host, Payloads* store, LaneOptions given)
      : io(io_context), host(lane_host), payloads(store), options(std::move(given)) {}

  using CallPointer = std::shared_ptr<LaneCall>;

  void Add(CallDispatch call);
  void Pump();
  void HandOver(const CallPointer& call);
  LaneCalls::iterator NextToHandOver();
  bool Has(const std::string& id, uint32_t attempt) const;
  void Cancel(const std::string& id, Reach reach);
  void BeginEnd(const CallPointer& call, CancelReason reason);
  void Interrupt(const CallPointer& call);
  void Arm(const CallPointer& call, milliseconds after, void (State::*action)(const CallPointer&));
  void OnDeadline(const CallPointer& call) { BeginEnd(call, CancelReason::kTimeout); }
  void OnGraceOver(const CallPointer& call);
  net::Task<void> FetchArguments(std::string id, uint32_t attempt, burrow::v1::Payload payload);
  net::Task<void> Item(CallPointer call, RunnerMessage message, RunnerBody body);
  net::Task<void> Finish(CallPointer call, RunnerMessage message, RunnerBody body);
  net::Task<void> PutOutcome(CallDone& done, const LaneCall& call, RunnerMessage& message, RunnerBody body);
  CallDone Outcome(const LaneCall& call, burrow::v1::CallStatus status) const;
  void Report(CallDone done);

  net::IoContext& io;
  LaneHost* host;
  Payloads* payloads;
  LaneOptions options;
  LaneCalls waiting;
  LaneCalls running;
  std::vector<std::pair<std::string, uint32_t>> finishing;  // answered; their outcomes are being stored
  bool open = false;
  bool closed = false;
  bool complained = false;
};

bool CallLane::State::Has(const std::string& id, uint32_t attempt) const {
  auto same = [&](const CallPointer& call) { return call->id == id && call->attempt == attempt; };
  return std::ranges::any_of(running, same) || std::ranges::any_of(waiting, same) ||
         std::ranges::count(finishing, std::pair(id, attempt)) > 0;
}

void CallLane::State::Add(CallDispatch dispatch) {
  if (closed || Has(dispatch.call_id(), dispatch.attempt())) return;
  auto call = std::make_shared<LaneCall>(io);
  call->id = dispatch.call_id();
  call->attempt = dispatch.attempt();
  call->method = dispatch.method();
  call->timeout = milliseconds(dispatch.timeout_ms() ? dispatch.timeout_ms() : kDefaultTimeoutMs);
  if (IsRemote(dispatch.arguments())) {
    net::RunDetached(io, FetchArguments(call->id, call->attempt, dispatch.arguments()), "fetch arguments");
  } else {
    call->arguments = std::move(*dispatch.mutable_arguments()->mutable_inline_());
    call->fetched = true;
  }
  waiting.push_back(std::move(call));
  Pump();
}

net::Task<void> CallLane::State::FetchArguments(std::string id, uint32_t attempt, burrow::v1::Payload payload) {
  auto self = shared_from_this();
  auto bytes = co_await payloads->FetchFile(std::move(payload));
  if (closed) co_return;
  auto at = std::ranges::find_if(waiting, [&](const auto& call) { return call->id == id && call->attempt == attempt; });
  if (at != waiting.end() && bytes) {
    (*at)->large_arguments = std::move(*bytes);
    (*at)->fetched = true;
  } else if (at != waiting.end()) {
    CallDone done = Outcome(**at, burrow::v1::CALL_STATUS_USER_ERROR);
    done.mutable_error()->set_type("PayloadError");
    done.mutable_error()->set_message("the call's arguments could not be fetched: " + bytes.error().message());
    waiting.erase(at);
    Report(std::move(done));
  }
  Pump();
}

// In the order in which they came; where several run at once, one whose arguments are here overtakes.
LaneCalls::iterator CallLane::State::NextToHandOver() {
  auto fetched = [](const auto& call) { return call->fetched; };
  if (options.width > 1) return std::ranges::find_if(waiting, fetched);
  return !waiting.empty() && waiting.front()->fetched ? waiting.begin() : waiting.end();
}

void CallLane::State::Pump() {
  while (open && !closed && running.size() < options.width) {
    auto next = NextToHandOver();
    if (next == waiting.end()) return;
    auto call = std::move(*next);
    waiting.erase(next);
    HandOver(call);
  }
}

void CallLane::State::HandOver(const CallPointer& call) {
  running.push_back(call);
  call->at_runner = true;
  host->SendToRunner(CallHeader(call->id, call->attempt, call->method), call->arguments,
                     std::move(call->large_arguments));
  call->arguments = {};
  KillPoint("worker.call.handed_over");
  Arm(call, call->timeout, &State::OnDeadline);
}

void CallLane::State::Arm(const CallPointer& call, milliseconds after, void (State::*action)(const CallPointer&)) {
  call->timer.expires_after(after);
  call->timer.async_wait([weak = weak_from_this(), action, call](boost::system::error_code error) {
    auto self = weak.lock();
    // A handler that was already queued when its timer was set anew must not act.
    if (error || !self || self->closed || !call->at_runner || call->timer.expiry() > std::chrono::steady_clock::now())
      return;
    ((*self).*action)(call);
  });
}

void CallLane::State::Cancel(const std::string& id, Reach reach) {
  if (auto at = FindCall(running, id); at != running.end()) {
    if (reach == Reach::kAnyCall && !(*at)->ending) BeginEnd(CallPointer(*at), CancelReason::kCancelled);
    return;
  }
  auto at = FindCall(waiting, id);
  if (at == waiting.end()) return;
  CallDone done = Outcome(**at, burrow::v1::CALL_STATUS_CANCELLED);
  *done.mutable_error() = EndedEarly(CancelReason::kCancelled, (*at)->timeout);
  waiting.erase(at);
  Report(std::move(done));
  Pump();
}

void CallLane::State::BeginEnd(const CallPointer& call, CancelReason reason) {
  call->ending = reason;
  host->SendToRunner(CancelHeader(call->id, reason), {});
  Arm(call, options.grace, &State::OnGraceOver);
  if (options.width == 1) Interrupt(call);
}

// Again and again until the call is answered: the cancel frame may reach the runner after the signal.
void CallLane::State::Interrupt(const CallPointer& call) {
  host->InterruptRunner();
  call->nudge.expires_after(kNudge);
  call->nudge.async_wait([weak = weak_from_this(), call](boost::system::error_code error) {
    auto self = weak.lock();
    if (!error && self && !self->closed && call->at_runner) self->Interrupt(call);
  });
}

void CallLane::State::OnGraceOver(const CallPointer& call) {
  bool timeout = call->ending == CancelReason::kTimeout;
  auto seconds = static_cast<double>(call->timeout.count()) / 1000;
  auto grace = static_cast<double>(options.grace.count()) / 1000;
  host->CallWouldNotEnd(
      call->id,
      timeout
          ? fmt::format("the call ran longer than its timeout of {:g} s and did not end within {:g} s of being "
                        "interrupted, so its container was killed",
                        seconds, grace)
          : fmt::format("the call was cancelled and did not end within {:g} s, so its container was killed", grace));
}

CallDone CallLane::State::Outcome(const LaneCall& call, burrow::v1::CallStatus status) const {
  CallDone done;
  done.set_container_id(options.container_id);
  done.set_call_id(call.id);
  done.set_attempt(call.attempt);
  done.set_status(status);
  return done;
}

void CallLane::State::Report(CallDone done) {
  FromWorker message;
  *message.mutable_done() = std::move(done);
  host->Report(std::move(message));
}

net::Task<void> CallLane::State::Item(CallPointer call, RunnerMessage message, RunnerBody body) {
  auto self = shared_from_this();
  FromWorker report;
  auto& item = *report.mutable_item();
  item.set_container_id(options.container_id);
  item.set_call_id(message.call_id);
  item.set_attempt(message.attempt);
  item.set_item_index(message.item_index);
  if (!body.large) {
    item.mutable_item()->set_inline_(std::move(body.bytes));
  } else {
    auto packed = co_await payloads->Pack(std::move(body));
    if (closed) co_return;
    if (!packed) {
      if (!call->at_runner) co_return;
      call->failure = "a value that the call yielded could not be stored: " + packed.error().message();
      if (!call->ending) BeginEnd(call, CancelReason::kCancelled);
      co_return;
    }
    *item.mutable_item() = std::move(*packed);
  }
  host->Report(std::move(report));
}

net::Task<void> CallLane::State::Finish(CallPointer call, RunnerMessage message, RunnerBody body) {
  auto self = shared_from_this();
  std::erase(running, call);
  call->at_runner = false;
  call->timer.cancel();
  call->nudge.cancel();
  CallDone done = Outcome(*call, burrow::v1::CALL_STATUS_SUCCESS);
  done.set_run_ms(message.run_ms);
  if (!body.large && !waiting.empty()) Pump();  // the next one starts while this outcome travels
  finishing.emplace_back(call->id, call->attempt);
  co_await PutOutcome(done, *call, message, std::move(body));
  std::erase(finishing, std::pair(call->id, call->attempt));
  if (closed) co_return;
  KillPoint("worker.outcome.unsent");
  Report(std::move(done));
  Pump();
}

net::Task<void> CallLane::State::PutOutcome(CallDone& done, const LaneCall& call, RunnerMessage& message,
                                            RunnerBody body) {
  if (!call.failure.empty()) {
    done.set_status(burrow::v1::CALL_STATUS_USER_ERROR);
    done.mutable_error()->set_type("PayloadError");
    done.mutable_error()->set_message(call.failure);
    co_return;
  }
  if (call.ending) {
    done.set_status(call.ending == CancelReason::kTimeout ? burrow::v1::CALL_STATUS_TIMEOUT
                                                          : burrow::v1::CALL_STATUS_CANCELLED);
    *done.mutable_error() = EndedEarly(*call.ending, call.timeout);
    co_return;
  }
  auto packed = co_await payloads->Pack(std::move(body));
  bool raised = message.kind == RunnerMessage::Kind::kError;
  if (raised) {
    done.set_status(burrow::v1::CALL_STATUS_USER_ERROR);
    *done.mutable_error() = std::move(message.error);
    if (packed && (IsRemote(*packed) || !packed->inline_().empty()))
      *done.mutable_error()->mutable_pickled() = std::move(*packed);
  } else if (packed) {
    *done.mutable_value() = std::move(*packed);
  } else {
    done.set_status(burrow::v1::CALL_STATUS_USER_ERROR);
    done.mutable_error()->set_type("PayloadError");
    done.mutable_error()->set_message("the call's value could not be stored: " + packed.error().message());
  }
}

CallLane::CallLane(net::IoContext& io, LaneHost* host, Payloads* payloads, LaneOptions options)
    : state_(std::make_shared<State>(io, host, payloads, std::move(options))) {}
CallLane::~CallLane() { Close(); }

void CallLane::Open() {
  state_->open = true;
  state_->Pump();
}
void CallLane::Add(CallDispatch call) { state_->Add(std::move(call)); }
void CallLane::Cancel(const std::string& call_id, Reach reach) { state_->Cancel(call_id, reach); }

net::Task<void> CallLane::Answer(RunnerMessage message, RunnerBody body) {
  auto state = state_;
  auto at = FindCall(state->running, message.call_id);
  bool known = at != state->running.end() && (*at)->attempt == message.attempt;
  if (!known || state->closed) {
    // Once: user code has the socket, too, and must not fill the worker's log.
    if (!std::exchange(state->complained, true))
      LogWarn("container {}: the runner answered {} which is not running", state->options.container_id,
              message.call_id);
    co_return;
  }
  auto call = *at;
  if (message.kind == RunnerMessage::Kind::kItem) {
    co_await state->Item(std::move(call), std::move(message), std::move(body));
  } else {
    co_await state->Finish(std::move(call), std::move(message), std::move(body));
  }
}

void CallLane::Close() {
  state_->closed = true;
  for (const auto& call : state_->running) {
    call->timer.cancel();
    call->nudge.cancel();
  }
  state_->waiting.clear();
  state_->running.clear();
}

const std::string& CallLane::running() const {
  static const std::string kNone;
  return state_->running.size() == 1 ? state_->running.front()->id : kNone;
}
bool CallLane::idle() const { return state_->running.empty() && state_->waiting.empty(); }

}  // namespace burrow::worker

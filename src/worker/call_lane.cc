#include "worker/call_lane.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <optional>
#include <utility>

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
  std::string id;
  uint32_t attempt = 0;
  milliseconds timeout{0};
  std::string arguments;
  std::shared_ptr<Spool> large_arguments;  // in place of `arguments`
  bool fetched = false;
  std::optional<CancelReason> ending;  // why we asked the runner to end it
  std::string failure;                 // what Burrow could not do for it
};

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
      : io(io_context),
        host(lane_host),
        payloads(store),
        options(std::move(given)),
        timer(io_context),
        nudge(io_context) {}

  void Add(CallDispatch call);
  void Pump();
  bool Has(const std::string& id, uint32_t attempt) const;
  void Cancel(const std::string& id, Reach reach);
  void BeginEnd(CancelReason reason);
  void Interrupt();
  void Arm(milliseconds after, void (State::*action)());
  void OnDeadline() { BeginEnd(CancelReason::kTimeout); }
  void OnGraceOver();
  net::Task<void> FetchArguments(std::string id, uint32_t attempt, burrow::v1::Payload payload);
  net::Task<void> Item(RunnerMessage message, std::string body);
  net::Task<void> Finish(RunnerMessage message, std::string body);
  net::Task<void> PutOutcome(CallDone& done, const LaneCall& call, RunnerMessage& message, std::string body);
  CallDone Outcome(const LaneCall& call, burrow::v1::CallStatus status) const;
  void Report(CallDone done);

  net::IoContext& io;
  LaneHost* host;
  Payloads* payloads;
  LaneOptions options;
  boost::asio::steady_timer timer, nudge;
  std::deque<LaneCall> waiting;
  std::optional<LaneCall> running;
  std::optional<std::pair<std::string, uint32_t>> finishing;  // answered; its outcome is being stored
  bool open = false;
  bool closed = false;
  bool complained = false;
};

bool CallLane::State::Has(const std::string& id, uint32_t attempt) const {
  auto same = [&](const LaneCall& call) { return call.id == id && call.attempt == attempt; };
  return (running && same(*running)) || finishing == std::pair(id, attempt) || std::ranges::any_of(waiting, same);
}

void CallLane::State::Add(CallDispatch dispatch) {
  if (closed || Has(dispatch.call_id(), dispatch.attempt())) return;
  LaneCall call{.id = dispatch.call_id(),
                .attempt = dispatch.attempt(),
                .timeout = milliseconds(dispatch.timeout_ms() ? dispatch.timeout_ms() : kDefaultTimeoutMs)};
  if (IsRemote(dispatch.arguments())) {
    net::RunDetached(io, FetchArguments(call.id, call.attempt, dispatch.arguments()), "fetch arguments");
  } else {
    call.arguments = std::move(*dispatch.mutable_arguments()->mutable_inline_());
    call.fetched = true;
  }
  waiting.push_back(std::move(call));
  Pump();
}

net::Task<void> CallLane::State::FetchArguments(std::string id, uint32_t attempt, burrow::v1::Payload payload) {
  auto self = shared_from_this();
  auto bytes = co_await payloads->FetchFile(std::move(payload));
  if (closed) co_return;
  for (auto at = waiting.begin(); at != waiting.end(); ++at) {
    if (at->id != id || at->attempt != attempt) continue;
    if (bytes) {
      at->large_arguments = std::move(*bytes);
      at->fetched = true;
    } else {
      CallDone done = Outcome(*at, burrow::v1::CALL_STATUS_USER_ERROR);
      done.mutable_error()->set_type("PayloadError");
      done.mutable_error()->set_message("the call's arguments could not be fetched: " + bytes.error().message());
      waiting.erase(at);
      Report(std::move(done));
    }
    break;
  }
  Pump();
}

void CallLane::State::Pump() {
  if (!open || closed || running || waiting.empty() || !waiting.front().fetched) return;
  running = std::move(waiting.front());
  waiting.pop_front();
  host->SendToRunner(CallHeader(running->id, running->attempt), running->arguments,
                     std::move(running->large_arguments));
  running->arguments = {};
  Arm(running->timeout, &State::OnDeadline);
}

void CallLane::State::Arm(milliseconds after, void (State::*action)()) {
  timer.expires_after(after);
  timer.async_wait([weak = weak_from_this(), action, id = running->id](boost::system::error_code error) {
    auto self = weak.lock();
    // A handler that was already queued when its timer was set anew must not act on the next call.
    if (error || !self || self->closed || !self->running || self->running->id != id ||
        self->timer.expiry() > std::chrono::steady_clock::now())
      return;
    ((*self).*action)();
  });
}

void CallLane::State::Cancel(const std::string& id, Reach reach) {
  if (running && running->id == id) {
    if (reach == Reach::kAnyCall && !running->ending) BeginEnd(CancelReason::kCancelled);
    return;
  }
  for (auto at = waiting.begin(); at != waiting.end(); ++at) {
    if (at->id != id) continue;
    CallDone done = Outcome(*at, burrow::v1::CALL_STATUS_CANCELLED);
    *done.mutable_error() = EndedEarly(CancelReason::kCancelled, at->timeout);
    waiting.erase(at);
    Report(std::move(done));
    Pump();
    return;
  }
}

void CallLane::State::BeginEnd(CancelReason reason) {
  running->ending = reason;
  host->SendToRunner(CancelHeader(running->id, reason), {});
  Arm(options.grace, &State::OnGraceOver);
  Interrupt();
}

// Again and again until the call is answered: the cancel frame may reach the runner after the signal.
void CallLane::State::Interrupt() {
  host->InterruptRunner();
  nudge.expires_after(kNudge);
  nudge.async_wait([weak = weak_from_this(), id = running->id](boost::system::error_code error) {
    auto self = weak.lock();
    if (!error && self && !self->closed && self->running && self->running->id == id) self->Interrupt();
  });
}

void CallLane::State::OnGraceOver() {
  bool timeout = running->ending == CancelReason::kTimeout;
  auto seconds = static_cast<double>(running->timeout.count()) / 1000;
  auto grace = static_cast<double>(options.grace.count()) / 1000;
  host->CallWouldNotEnd(
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

net::Task<void> CallLane::State::Item(RunnerMessage message, std::string body) {
  auto self = shared_from_this();
  FromWorker report;
  auto& item = *report.mutable_item();
  item.set_container_id(options.container_id);
  item.set_call_id(message.call_id);
  item.set_attempt(message.attempt);
  item.set_item_index(message.item_index);
  if (!message.stored) {
    item.mutable_item()->set_inline_(std::move(body));
  } else {
    auto packed = std::move(*message.stored);
    if (closed) co_return;
    if (!packed) {
      if (!running) co_return;
      running->failure = "a value that the call yielded could not be stored: " + packed.error().message();
      if (!running->ending) BeginEnd(CancelReason::kCancelled);
      co_return;
    }
    *item.mutable_item() = std::move(*packed);
  }
  host->Report(std::move(report));
}

net::Task<void> CallLane::State::Finish(RunnerMessage message, std::string body) {
  auto self = shared_from_this();
  LaneCall call = std::move(*running);
  running.reset();
  timer.cancel();
  nudge.cancel();
  CallDone done = Outcome(call, burrow::v1::CALL_STATUS_SUCCESS);
  done.set_run_ms(message.run_ms);
  if (body.size() <= kMaxInlinePayload && !waiting.empty()) Pump();  // the next one starts while this outcome travels
  finishing.emplace(call.id, call.attempt);
  co_await PutOutcome(done, call, message, std::move(body));
  finishing.reset();
  if (closed) co_return;
  Report(std::move(done));
  Pump();
}

net::Task<void> CallLane::State::PutOutcome(CallDone& done, const LaneCall& call, RunnerMessage& message,
                                            std::string body) {
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
  Result<burrow::v1::Payload> packed = burrow::v1::Payload();
  if (message.stored) {
    packed = std::move(*message.stored);
  } else {
    packed->set_inline_(std::move(body));
  }
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

net::Task<void> CallLane::Answer(RunnerMessage message, std::string body) {
  auto state = state_;
  bool known = state->running && state->running->id == message.call_id && state->running->attempt == message.attempt;
  if (!known || state->closed) {
    // Once: user code has the socket, too, and must not fill the worker's log.
    if (!std::exchange(state->complained, true))
      LogWarn("container {}: the runner answered {} which is not running", state->options.container_id,
              message.call_id);
    co_return;
  }
  if (message.kind == RunnerMessage::Kind::kItem) {
    co_await state->Item(std::move(message), std::move(body));
  } else {
    co_await state->Finish(std::move(message), std::move(body));
  }
}

void CallLane::Close() {
  state_->closed = true;
  state_->timer.cancel();
  state_->nudge.cancel();
  state_->waiting.clear();
  state_->running.reset();
}

const std::string& CallLane::running() const {
  static const std::string kNone;
  return state_->running ? state_->running->id : kNone;
}
bool CallLane::idle() const { return !state_->running && state_->waiting.empty(); }

}  // namespace burrow::worker

#include "worker/function_container.h"

#include <signal.h>

#include <optional>
#include <utility>

#include "base/log.h"
#include "net/detached.h"
#include "os/fs.h"
#include "worker/coroutine.h"
#include "worker/function_container_state.h"
#include "worker/launch_plan.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::ContainerUpdate;
using burrow::link::v1::FromWorker;
using std::chrono::milliseconds;

constexpr milliseconds kExitAfterEof{5'000};  // between the runner's closed socket and the kill
constexpr milliseconds kReapDeadline{10'000};

}  // namespace

net::Task<void> FunctionContainer::State::Live() {
  auto self = shared_from_this();
  try {
    co_await LaunchAndRun();
  } catch (const std::exception& e) {
    Kill(EndReason::kProtocolBroken, fmt::format("the worker lost hold of the container: {}", e.what()));
  }
  start_timer.cancel();
  stop_timer.cancel();
  disk.reset();
  lane.Close();
  if (output) output->Close();
  facts.last_output = early_output.Text();
  if (forked_from && facts.progress != StartProgress::kReady && facts.reason == EndReason::kNone) forked_from->Failed();
  auto last = JudgeEnd(facts);
  co_await volumes.CommitLast();
  phase = NextState(phase, ContainerEvent::kEnded).value_or(phase);
  last.mutable_phases()->Swap(update.mutable_phases());
  update = std::move(last);
  SendUpdate();
  co_await TearDown();
  std::exchange(on_gone, nullptr)();
}

net::Task<void> FunctionContainer::State::LaunchAndRun() {
  Status launch = co_await Launch();
  if (!launch) {
    facts.launch_error = launch.error().message();
    co_return;
  }
  if (phase == ContainerState::kStopping) KillNow();
  co_await ReadFrames();
  co_await AwaitExit();
}

void FunctionContainer::State::AddOutput(burrow::v1::LogStream stream, std::string text, bool partial) {
  if (facts.progress != StartProgress::kReady) early_output.Add(text);
  log.Add(stream, lane.running(), std::move(text), partial);
}

net::Task<void> FunctionContainer::State::ReadFrames() {
  while (true) {
    auto frame = co_await channel->Read();
    if (!frame) {
      Kill(EndReason::kProtocolBroken, frame.error().message());
      co_return;
    }
    if (!frame->has_value()) co_return;
    co_await Handle(std::move(**frame));
  }
}

net::Task<void> FunctionContainer::State::Handle(ReceivedFrame frame) {
  auto message = ParseRunnerHeader(frame.header);
  if (!message) {
    Kill(EndReason::kProtocolBroken, message.error().message());
    co_return;
  }
  switch (message->kind) {
    case RunnerMessage::Kind::kHello:
      if (facts.progress != StartProgress::kLaunched) co_return;  // user code has the socket, too
      said_hello = services.clock->Now();
      facts.progress = StartProgress::kInterpreting;
      AddPhase(forked_from ? "fork" : "interpreter", MillisBetween(forked_from ? began : launched, said_hello));
      co_return;
    case RunnerMessage::Kind::kReady:
      OnReady(services.clock->Now());
      co_return;
    case RunnerMessage::Kind::kFailed:
      facts.import_error = std::move(message->error);
      if (!frame.body.bytes.empty()) facts.import_error->mutable_pickled()->set_inline_(std::move(frame.body.bytes));
      co_return;
    case RunnerMessage::Kind::kRefused:
      co_return;  // only templates may
    case RunnerMessage::Kind::kOutput:
      log.AddText(message->stream, message->call_id, frame.body.bytes);
      co_return;
    case RunnerMessage::Kind::kItem:
      output->Drain();
      break;
    case RunnerMessage::Kind::kResult:
    case RunnerMessage::Kind::kError:
      output->DrainAndFlush();
      break;
  }
  co_await lane.Answer(std::move(*message), std::move(frame.body));
}

void FunctionContainer::State::OnReady(SteadyTime now) {
  if (facts.progress != StartProgress::kInterpreting) return;
  facts.progress = StartProgress::kReady;
  start_timer.cancel();
  early_output.Clear();
  AddPhase("import", MillisBetween(said_hello, now));
  auto next = NextState(phase, ContainerEvent::kRunnerReady);
  if (!next) return;  // it is stopping already
  phase = *next;
  output->Drain();
  update.set_phase(burrow::link::v1::CONTAINER_PHASE_READY);
  SendUpdate();
  if (hot_start) hot_start->Ready();
  if (forked_from) forked_from->Arrived();
  if (to_be_warmed) services.forks->Warm(std::move(*to_be_warmed));
  to_be_warmed.reset();
  lane.Open();
}

net::Task<void> FunctionContainer::State::AwaitExit() {
  if (!co_await WaitReadable(container->pidfd(), kExitAfterEof)) {
    if (facts.reason == EndReason::kNone)
      Kill(EndReason::kProtocolBroken, "the runner closed its socket but did not end");
    KillNow();
    co_await WaitReadable(container->pidfd(), kReapDeadline);
  }
  ended = true;
  auto exit = co_await net::RunBlocking(*services.pool, [held = container] { return held->Wait(kReapDeadline); });
  if (exit) {
    facts.exit = *exit;
  } else {
    LogWarn("container {}: {}", id, exit.error().message());
  }
}

net::Task<void> FunctionContainer::State::TearDown() {
  if (channel) channel->Close();
  api.reset();
  Status removed = co_await net::RunBlocking(*services.pool, [held = container, path = directory] {
    if (held) held->Destroy();
    return path.empty() ? Status() : os::RemoveTree(path);
  });
  if (!removed) LogWarn("container {}: {}", id, removed.error().message());
  co_await volumes.Close();
  hot_start.reset();
  to_be_warmed.reset();
  inputs = {};
  forked_from.reset();
}

void FunctionContainer::State::Stop(milliseconds grace) {
  auto next = NextState(phase, ContainerEvent::kStopBegan);
  if (!next) return;
  bool was_ready = std::exchange(phase, *next) == ContainerState::kReady;
  facts.reason = EndReason::kRequested;
  if (!was_ready || grace.count() == 0) return KillNow();
  channel->Send(ExitHeader(), {});
  if (!lane.idle()) Signal(SIGTERM);
  stop_timer.expires_after(grace);
  stop_timer.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    auto self = weak.lock();
    if (!error && self) self->KillNow();
  });
}

void FunctionContainer::State::Kill(EndReason reason, std::string sentence) {
  if (auto next = NextState(phase, ContainerEvent::kStopBegan)) {
    phase = *next;
    facts.reason = reason;
    facts.reason_text = std::move(sentence);
  }
  KillNow();
}

void FunctionContainer::State::KillNow() {
  if (container && !ended) container->Kill();
}

void FunctionContainer::State::Signal(int signal) {
  if (container && !ended) container->Signal(signal);
}

void FunctionContainer::State::SendUpdate() {
  update.set_container_id(id);
  FromWorker message;
  *message.mutable_container() = update;
  Report(std::move(message));
}

FunctionContainer::FunctionContainer(const ContainerServices& services, burrow::link::v1::StartContainer request,
                                     ContainerDeadlines deadlines, std::function<void()> on_gone)
    : state_(std::make_shared<State>(services, std::move(request), deadlines, std::move(on_gone))) {
  state_->update.set_phase(burrow::link::v1::CONTAINER_PHASE_STARTING);
  state_->update.set_container_id(state_->id);
  state_->deadlines.start = StartDeadline(state_->request.spec().function(), deadlines.start);
  state_->facts.memory_mib = MemoryMib(state_->request.spec().function().resources());
  net::RunDetached(*services.io, state_->Live(), "container " + state_->id);
}
FunctionContainer::~FunctionContainer() = default;

void FunctionContainer::Dispatch(burrow::link::v1::CallDispatch call) { state_->lane.Add(std::move(call)); }
void FunctionContainer::Cancel(const burrow::link::v1::CancelCall& request) {
  using Reach = CallLane::Reach;
  state_->lane.Cancel(request.call_id(), request.unless_begun() ? Reach::kUnlessBegun : Reach::kAnyCall);
}
void FunctionContainer::Stop(milliseconds grace) { state_->Stop(grace); }
ContainerVolumes& FunctionContainer::volumes() { return state_->volumes; }
ContainerUpdate FunctionContainer::Snapshot() const { return state_->update; }
ContainerState FunctionContainer::state() const { return state_->phase; }

std::optional<runtime::ExecTarget> FunctionContainer::FindExecTarget() const {
  if (!state_->container || state_->ended) return std::nullopt;
  auto target = state_->container->exec_target();
  if (target) target->env = {"BURROW_CONTAINER_ID=" + state_->id, "BURROW_APP_ID=" + state_->request.spec().app_id()};
  return target;
}

std::function<os::CgroupUsage()> FunctionContainer::UsageReader() const {
  return [held = state_->container] { return held ? held->Usage() : os::CgroupUsage(); };
}

}  // namespace burrow::worker

#include "worker/function_container.h"

#include <signal.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <utility>

#include "base/faults.h"
#include "base/log.h"
#include "link/protocol.h"
#include "net/detached.h"
#include "os/fs.h"
#include "os/process.h"
#include "worker/call_lane.h"
#include "worker/container_log.h"
#include "worker/coroutine.h"
#include "worker/early_output.h"
#include "worker/end_verdict.h"
#include "worker/fork_servers.h"
#include "worker/fresh_start.h"
#include "worker/hot_start.h"
#include "worker/launch_plan.h"
#include "worker/output_pump.h"
#include "worker/runner_channel.h"
#include "worker/runner_wires.h"
#include "worker/running_container.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::ContainerUpdate;
using burrow::link::v1::FromWorker;
using std::chrono::milliseconds;

constexpr milliseconds kExitAfterEof{5'000};  // between the runner's closed socket and the kill
constexpr milliseconds kReapDeadline{10'000};

}  // namespace

struct FunctionContainer::State final : LaneHost, std::enable_shared_from_this<State> {
  State(const ContainerServices& given, burrow::link::v1::StartContainer asked, ContainerDeadlines limits,
        std::function<void()> gone)
      : services(given),
        request(std::move(asked)),
        id(request.container_id()),
        deadlines(limits),
        on_gone(std::move(gone)),
        log(*given.io, {.app_id = request.spec().app_id(),
                        .function = request.spec().function().name(),
                        .container_id = id,
                        .clock = given.clock,
                        .send = given.send}),
        lane(*given.io, this, given.payloads,
             {.container_id = id, .grace = limits.call_grace, .width = link::CallsAtOnce(request.spec().function())}),
        start_timer(*given.io),
        stop_timer(*given.io) {}

  // LaneHost
  void SendToRunner(std::string_view header, std::string_view body, std::shared_ptr<Spool> file) override {
    channel->Send(header, body, std::move(file));
  }
  void InterruptRunner() override { Signal(SIGUSR1); }
  void CallWouldNotEnd(std::string call_id, std::string sentence) override {
    if (facts.reason == EndReason::kNone) facts.call_id = std::move(call_id);
    Kill(EndReason::kCallWouldNotEnd, std::move(sentence));
  }
  void Report(FromWorker message) override {
    log.Flush();
    services.send(std::move(message));
  }

  net::Task<void> Live();
  net::Task<void> LaunchAndRun();
  net::Task<Status> Launch();
  Status TakeIn(ForkedContainer forked);
  net::Task<Status> StartFromNothing();
  Status Connect(RunnerWires wires, const std::string& function);
  net::Task<void> ReadFrames();
  net::Task<void> Handle(ReceivedFrame frame);
  void OnReady(SteadyTime now);
  net::Task<void> AwaitExit();
  net::Task<void> TearDown();
  void AddOutput(burrow::v1::LogStream stream, std::string text, bool partial);
  void ArmStartDeadline();
  void Stop(milliseconds grace);
  void Kill(EndReason reason, std::string sentence);
  void KillNow();
  void Signal(int signal);
  void SendUpdate();
  void AddPhase(const char* name, double ms, std::string note = {});
  bool wants_forks() const { return services.forks != nullptr && request.spec().function().memory_snapshot(); }

  ContainerServices services;
  burrow::link::v1::StartContainer request;
  std::string id;
  ContainerDeadlines deadlines;
  std::function<void()> on_gone;

  ContainerState phase = ContainerState::kStarting;
  ContainerUpdate update;  // the last that was, or is about to be, sent
  EndFacts facts;
  ContainerLog log;
  CallLane lane;
  boost::asio::steady_timer start_timer, stop_timer;
  EarlyOutput early_output;
  SteadyTime began, launched, said_hello;
  std::string directory;
  ContainerInputs inputs;  // until the container is destroyed
  std::optional<HotStart> hot_start;
  std::shared_ptr<TemplateUse> forked_from;                      // null: it was started from nothing
  std::string why_not_forked;                                    // empty: nobody asked for it
  std::optional<burrow::link::v1::StartContainer> to_be_warmed;  // once it is ready
  std::shared_ptr<RunningContainer> container;
  std::unique_ptr<RunnerChannel> channel;
  std::unique_ptr<ApiSocket> api;
  std::unique_ptr<OutputPump> output;
  bool ended = false;  // the process is gone: no more signals
};

net::Task<void> FunctionContainer::State::Live() {
  auto self = shared_from_this();
  try {
    co_await LaunchAndRun();
  } catch (const std::exception& e) {
    Kill(EndReason::kProtocolBroken, fmt::format("the worker lost hold of the container: {}", e.what()));
  }
  start_timer.cancel();
  stop_timer.cancel();
  lane.Close();
  if (output) output->Close();
  phase = NextState(phase, ContainerEvent::kEnded).value_or(phase);
  facts.last_output = early_output.Text();
  if (forked_from && facts.progress != StartProgress::kReady && facts.reason == EndReason::kNone) forked_from->Failed();
  auto phases = std::move(*update.mutable_phases());
  update = JudgeEnd(facts);
  *update.mutable_phases() = std::move(phases);
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

net::Task<Status> FunctionContainer::State::Launch() {
  began = services.clock->Now();
  directory = services.containers_directory + "/" + id;
  ArmStartDeadline();
  if (wants_forks()) {
    auto forked = co_await services.forks->Fork(request);
    if (forked) co_return TakeIn(std::move(*forked));
    why_not_forked = "not forked: " + forked.error().message();
    to_be_warmed = request;
  }
  co_return co_await StartFromNothing();
}

Status FunctionContainer::State::TakeIn(ForkedContainer forked) {
  launched = services.clock->Now();
  facts.forked = true;
  directory = std::move(forked.directory);
  forked_from = std::move(forked.use);
  container = std::make_shared<RunningContainer>(std::move(*forked.container));
  return Connect(std::move(forked.wires), "");
}

net::Task<Status> FunctionContainer::State::StartFromNothing() {
  hot_start.emplace(services, request);
  FreshStartOptions options{.id = id, .record_token = hot_start->token(), .called_off = [this] {
                              return phase == ContainerState::kStopping;
                            }};
  BURROW_CO_ASSIGN_OR_RETURN(FreshStart start, co_await StartFresh(services, request.spec(), std::move(options)));
  KillPoint("worker.container.launched");
  launched = services.clock->Now();
  AddPhase("mount", MillisBetween(began, launched) - start.container->launch_ms());
  AddPhase("launch", start.container->launch_ms(), why_not_forked);
  container = std::make_shared<RunningContainer>(std::move(*start.container));
  inputs = std::move(start.inputs);
  co_return Connect(std::move(start.wires), inputs.function);
}

Status FunctionContainer::State::Connect(RunnerWires wires, const std::string& function) {
  facts.progress = StartProgress::kLaunched;
  if (services.api) {
    BURROW_ASSIGN_OR_RETURN(api, ApiSocket::Serve(*services.io, std::move(wires.api), services.api, id));
  }
  channel = std::make_unique<RunnerChannel>(*services.io, std::move(wires.socket.ours), services.payloads);
  output = std::make_unique<OutputPump>(*services.io, std::move(wires.out.read), std::move(wires.err.read),
                                        [this](burrow::v1::LogStream stream, std::string text, bool partial) {
                                          AddOutput(stream, std::move(text), partial);
                                        });
  output->Start();
  channel->Send(StartHeader(request.spec().function(), request.spec().app_id(), id, request.secret_environment()),
                function);
  request.clear_secret_environment();  // the runner alone keeps it
  return {};
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
  hot_start.reset();
  to_be_warmed.reset();
  inputs = {};
  forked_from.reset();
}

void FunctionContainer::State::ArmStartDeadline() {
  start_timer.expires_after(deadlines.start);
  start_timer.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    auto self = weak.lock();
    if (error || !self || self->phase != ContainerState::kStarting) return;
    const char* what = self->facts.progress == StartProgress::kInterpreting ? "importing the function's module"
                                                                            : "starting the container";
    self->Kill(EndReason::kStartDeadline,
               fmt::format("{} took longer than {:g} s", what, Seconds(self->deadlines.start)));
  });
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

void FunctionContainer::State::AddPhase(const char* name, double ms, std::string note) {
  auto* added = update.add_phases();
  added->set_name(name);
  added->set_ms(ms);
  added->set_note(std::move(note));
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

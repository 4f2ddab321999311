#include "worker/function_container.h"

#include <signal.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <optional>
#include <utility>

#include "base/faults.h"
#include "base/log.h"
#include "link/protocol.h"
#include "net/detached.h"
#include "os/fs.h"
#include "os/process.h"
#include "worker/call_lane.h"
#include "worker/container_inputs.h"
#include "worker/container_log.h"
#include "worker/coroutine.h"
#include "worker/end_verdict.h"
#include "worker/hot_start.h"
#include "worker/launch_plan.h"
#include "worker/output_pump.h"
#include "worker/runner_channel.h"
#include "worker/runner_wires.h"
#include "worker/running_container.h"
#include "worker/utf8.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::ContainerUpdate;
using burrow::link::v1::FromWorker;
using std::chrono::milliseconds;

constexpr milliseconds kExitAfterEof{5'000};  // between the runner's closed socket and the kill
constexpr milliseconds kReapDeadline{10'000};
constexpr size_t kKeptOutputLines = 20;

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
  Result<runtime::Container> StartOnPool(LaunchPaths paths, RunnerWires& wires) const;
  void Connect(RunnerWires wires, const std::string& function);
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
  void AddPhase(const char* name, double ms);

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
  std::deque<std::string> early_output;  // before it was ready
  SteadyTime began, launched, said_hello;
  std::shared_ptr<const SourceDirectory> source;
  std::vector<std::shared_ptr<const SourceDirectory>> attached;
  std::optional<HotStart> hot_start;
  imagefs::ImageLease image;  // until the container is destroyed
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
  for (const auto& line : early_output) facts.last_output += line + "\n";
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
  ArmStartDeadline();
  hot_start.emplace(services, request);
  const std::string record_token = hot_start->token();
  BURROW_CO_ASSIGN_OR_RETURN(ContainerInputs inputs, co_await FetchInputs(services, request.spec(), record_token));
  source = std::move(inputs.source);
  attached = std::move(inputs.attached);
  image = std::move(inputs.image);
  if (phase == ContainerState::kStopping) co_return Fail(Code::kCancelled, "the start was called off");
  BURROW_CO_ASSIGN_OR_RETURN(RunnerWires wires, MakeRunnerWires());
  LaunchPaths paths{.directory = services.containers_directory + "/" + id,
                    .lower = image.lower(),
                    .library = services.library,
                    .source = source ? source->path() : ""};
  for (const auto& directory : attached) paths.attached.push_back(directory->path());
  auto started = co_await net::RunBlocking(*services.pool, [&] { return StartOnPool(paths, wires); });
  if (!started) co_return Forward(std::move(started.error()));
  KillPoint("worker.container.launched");
  launched = services.clock->Now();
  facts.progress = StartProgress::kLaunched;
  AddPhase("mount", MillisBetween(began, launched) - started->launch_ms());
  AddPhase("launch", started->launch_ms());
  container = std::make_shared<RunningContainer>(std::move(*started));
  if (services.api) {
    BURROW_CO_ASSIGN_OR_RETURN(api, ApiSocket::Serve(*services.io, std::move(wires.api), services.api, id));
  }
  Connect(std::move(wires), inputs.function);
  co_return Status();
}

// The request's specification does not change, so that the pool may read it.
Result<runtime::Container> FunctionContainer::State::StartOnPool(LaunchPaths paths, RunnerWires& wires) const {
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(paths.directory));
  if (services.api) {
    BURROW_ASSIGN_OR_RETURN(wires.api, ApiListener::Open(services.api->options().directory, id));
    paths.api_socket = wires.api.path();
  }
  auto options = PlanLaunch(id, request.spec(), paths);
  BURROW_ASSIGN_OR_RETURN(options.engine, ChooseEngine(request.spec().function()));
  options.fds = {{wires.null.get(), 0},
                 {wires.out.write.get(), 1},
                 {wires.err.write.get(), 2},
                 {wires.socket.theirs.get(), kRunnerFd}};
  return services.runtime->Start(std::move(options));
}

void FunctionContainer::State::Connect(RunnerWires wires, const std::string& function) {
  wires.socket.theirs.Reset();
  channel = std::make_unique<RunnerChannel>(*services.io, std::move(wires.socket.ours), services.payloads);
  output = std::make_unique<OutputPump>(*services.io, std::move(wires.out.read), std::move(wires.err.read),
                                        [this](burrow::v1::LogStream stream, std::string text, bool partial) {
                                          AddOutput(stream, std::move(text), partial);
                                        });
  output->Start();
  channel->Send(StartHeader(request.spec().function(), request.spec().app_id(), id, request.secret_environment()),
                function);
  request.clear_secret_environment();  // the runner alone keeps it
}

void FunctionContainer::State::AddOutput(burrow::v1::LogStream stream, std::string text, bool partial) {
  if (facts.progress != StartProgress::kReady) {
    early_output.push_back(text.substr(0, Utf8CutBefore(text, 1024)));
    if (early_output.size() > kKeptOutputLines) early_output.pop_front();
  }
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
      AddPhase("interpreter", MillisBetween(launched, said_hello));
      co_return;
    case RunnerMessage::Kind::kReady:
      OnReady(services.clock->Now());
      co_return;
    case RunnerMessage::Kind::kFailed:
      facts.import_error = std::move(message->error);
      if (!frame.body.bytes.empty()) facts.import_error->mutable_pickled()->set_inline_(std::move(frame.body.bytes));
      co_return;
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
  early_output.clear();
  AddPhase("import", MillisBetween(said_hello, now));
  auto next = NextState(phase, ContainerEvent::kRunnerReady);
  if (!next) return;  // it is stopping already
  phase = *next;
  output->Drain();
  update.set_phase(burrow::link::v1::CONTAINER_PHASE_READY);
  SendUpdate();
  hot_start->Ready();
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
  std::string directory = services.containers_directory + "/" + id;
  Status removed = co_await net::RunBlocking(*services.pool, [held = container, directory] {
    if (held) held->Destroy();
    return os::RemoveTree(directory);
  });
  if (!removed) LogWarn("container {}: {}", id, removed.error().message());
  source.reset();
  hot_start.reset();
  image = {};
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
  bool was_ready = phase == ContainerState::kReady;
  phase = *next;
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

void FunctionContainer::State::AddPhase(const char* name, double ms) {
  auto* added = update.add_phases();
  added->set_name(name);
  added->set_ms(ms);
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
  return state_->container->exec_target();
}

std::function<os::CgroupUsage()> FunctionContainer::UsageReader() const {
  return [held = state_->container] { return held ? held->Usage() : os::CgroupUsage(); };
}

}  // namespace burrow::worker

#include "worker/template.h"

#include <poll.h>

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "base/ids.h"
#include "base/log.h"
#include "net/detached.h"
#include "os/fs.h"
#include "worker/fd_message.h"
#include "worker/fresh_start.h"
#include "worker/launch_plan.h"
#include "worker/output_pump.h"
#include "worker/runner_channel.h"
#include "worker/runner_message.h"
#include "worker/sandbox.h"

namespace burrow::worker {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kForkDeadline{10'000};
constexpr milliseconds kLongWait{3'600'000};
constexpr const char* kIdPrefix = "tm";
constexpr const char* kNotWarm = "the function is still being warmed for forks";

}  // namespace

// A fork that waits in its sandbox for being told which container it is.
struct Standby {
  std::optional<Sandbox> sandbox;
  RunnerWires wires;
};

// What forks need of it; read on the pool while it is warm.
struct Warmed {
  std::optional<runtime::Container> container;
  UniqueFd pid_namespace, requests;
  std::mutex forking;  // one at a time
  std::deque<Standby> standby;
  std::string directory;
};

struct Template::State {
  ContainerServices services;
  burrow::link::v1::StartContainer request;
  milliseconds start_deadline;
  std::string id;
  std::string why_not = kNotWarm;  // empty: it can be forked
  bool ended = false, ending = false, freed = false;
  int uses = 0;             // containers that came from it
  int sandboxes_begun = 0;  // on the pool
  net::Event changed;       // one of these
  ContainerInputs inputs;
  std::shared_ptr<Warmed> warmed = std::make_shared<Warmed>();
  std::unique_ptr<RunnerChannel> channel;
  std::unique_ptr<OutputPump> output;
};

namespace {

// On the pool. `standby` is to be destroyed where it fails, too.
Status MakeStandby(const ContainerServices& services, const burrow::link::v1::ContainerSpec& spec,
                   const ContainerInputs& inputs, Warmed& warmed, Standby& standby) {
  const std::string id = NewIdText(kIdPrefix);
  BURROW_ASSIGN_OR_RETURN(standby.wires, MakeRunnerWires());
  LaunchPaths paths = PathsOf(services, id, inputs);
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(paths.directory));
  if (services.api) {
    BURROW_ASSIGN_OR_RETURN(standby.wires.api, ApiListener::Open(services.api->options().directory, id));
    paths.api_socket = standby.wires.api.path();
  }
  auto options = PlanLaunch(id, spec, paths);
  BURROW_ASSIGN_OR_RETURN(options.engine, ChooseEngine(spec.function()));
  options.joined_from = warmed.pid_namespace.get();
  options.written_before = warmed.container->upper();
  auto sandbox = MakeSandbox(*services.runtime, std::move(options), kForkDeadline);
  if (!sandbox) {
    (void)os::RemoveTree(paths.directory);
    return Forward(std::move(sandbox.error()));
  }
  standby.sandbox.emplace(std::move(*sandbox));
  RunnerWires& wires = standby.wires;
  {
    std::lock_guard lock(warmed.forking);
    BURROW_RETURN_IF_ERROR(
        MoveIn(warmed.requests.get(), *standby.sandbox, wires, WorkingDirectory(spec), kForkDeadline));
  }
  for (UniqueFd* theirs : {&wires.socket.theirs, &wires.out.write, &wires.err.write, &standby.sandbox->standby})
    theirs->Reset();
  return {};
}

bool Lives(const Standby& standby) {
  pollfd ended{.fd = standby.sandbox->container.pidfd(), .events = POLLIN};
  return poll(&ended, 1, 0) == 0;
}

void Destroy(Standby& standby) {
  if (!standby.sandbox) return;
  const std::string directory = standby.sandbox->directory;
  standby.sandbox.reset();
  if (Status removed = os::RemoveTree(directory); !removed) LogWarn("{}", removed.error().message());
}

void Destroy(Warmed& warmed) {
  warmed.requests.Reset();
  for (Standby& standby : warmed.standby) Destroy(standby);
  warmed.container.reset();
  if (warmed.directory.empty()) return;
  if (Status removed = os::RemoveTree(warmed.directory); !removed) LogWarn("{}", removed.error().message());
}

}  // namespace

TemplateUse::TemplateUse(std::shared_ptr<Template> used) : used_(std::move(used)) { ++used_->state_->uses; }
TemplateUse::~TemplateUse() {
  Arrived();
  if (--used_->state_->uses == 0) used_->state_->changed.Notify();
}

void TemplateUse::Arrived() {
  if (std::exchange(arrived_, true) || used_->state_->ending || !used_->state_->warmed->standby.empty()) return;
  net::RunDetached(*used_->state_->services.io, used_->Replenish(), "sandbox of " + used_->state_->id);
}

Template::Template(std::unique_ptr<State> state) : state_(std::move(state)) {}
Template::~Template() = default;
bool Template::in_use() const { return state_->uses > 0; }
bool Template::ended() const { return state_->ended; }

std::shared_ptr<Template> Template::Start(const ContainerServices& services, burrow::link::v1::StartContainer request,
                                          milliseconds start_deadline) {
  auto state = std::unique_ptr<State>(new State{.services = services,
                                                .request = std::move(request),
                                                .start_deadline = start_deadline,
                                                .id = NewIdText(kIdPrefix),
                                                .changed = net::Event(*services.io)});
  std::shared_ptr<Template> made(new Template(std::move(state)));
  net::RunDetached(*services.io, made->Live(), "template " + made->state_->id);
  return made;
}

net::Task<void> Template::Live() {
  auto self = shared_from_this();
  Status warm = co_await Warm();
  if (!warm) {
    state_->why_not = warm.error().message();
    if (!state_->ending) LogInfo("{} cannot be forked: {}", state_->request.spec().function().name(), state_->why_not);
    co_return co_await Free();
  }
  Status first = state_->ending ? Status() : co_await AddStandby();
  state_->why_not = first ? "" : first.error().message();
  if (!first) LogWarn("{} cannot be forked: {}", state_->request.spec().function().name(), state_->why_not);
  // Nothing more is said until its end.
  while (true) {
    auto frame = co_await state_->channel->Read();
    if (!frame || !frame->has_value()) break;
  }
  if (!state_->ending) LogWarn("the template {} of {} has ended", state_->id, state_->request.spec().function().name());
  state_->ended = true;
  state_->why_not = "the process that was warmed for forks has ended";
  co_await End();
}

net::Task<Status> Template::Warm() {
  State& state = *state_;
  BURROW_CO_ASSIGN_OR_RETURN(MessagePair requests, MakeMessagePair(kForkDeadline));
  FreshStartOptions options{.id = state.id, .fork_requests = std::move(requests.theirs)};
  Warmed& warmed = *state.warmed;
  warmed.directory = state.services.containers_directory + "/" + state.id;
  BURROW_CO_ASSIGN_OR_RETURN(FreshStart start,
                             co_await StartFresh(state.services, state.request.spec(), std::move(options)));
  warmed.container = std::move(start.container);
  warmed.requests = std::move(requests.ours);
  state.inputs = std::move(start.inputs);
  BURROW_CO_ASSIGN_OR_RETURN(warmed.pid_namespace, warmed.container->OpenPidNamespace());
  // What the import prints was printed by the container that was started from nothing.
  state.output =
      std::make_unique<OutputPump>(*state.services.io, std::move(start.wires.out.read), std::move(start.wires.err.read),
                                   [](burrow::v1::LogStream, const std::string&, bool) {});
  state.output->Start();
  state.channel =
      std::make_unique<RunnerChannel>(*state.services.io, std::move(start.wires.socket.ours), state.services.payloads);
  state.channel->Send(TemplateHeader(state.request.spec().function(), state.request.spec().app_id(), state.id,
                                     state.request.secret_environment()),
                      state.inputs.function);
  state.request.clear_secret_environment();
  boost::asio::steady_timer deadline(*state.services.io, state.start_deadline);
  deadline.async_wait([held = state.warmed](boost::system::error_code error) {
    if (!error && held->container) held->container->Kill();
  });
  Status warm = co_await AwaitWarm();
  deadline.cancel();
  co_return warm;
}

net::Task<Status> Template::AwaitWarm() {
  while (true) {
    BURROW_CO_ASSIGN_OR_RETURN(std::optional<ReceivedFrame> frame, co_await state_->channel->Read());
    if (!frame) co_return Fail(Code::kFailedPrecondition, "its import ended the process that was to be forked");
    BURROW_CO_ASSIGN_OR_RETURN(RunnerMessage message, ParseRunnerHeader(frame->header));
    if (message.kind == RunnerMessage::Kind::kReady) co_return Status();
    if (message.kind == RunnerMessage::Kind::kRefused) co_return Fail(Code::kFailedPrecondition, "{}", message.reason);
    if (message.kind == RunnerMessage::Kind::kFailed)
      co_return Fail(Code::kFailedPrecondition, "its import failed in the process that was to be forked");
  }
}

net::Task<Status> Template::AddStandby() {
  auto self = shared_from_this();
  auto held = state_->warmed;
  auto made = std::make_shared<Standby>();
  ++state_->sandboxes_begun;
  Status status = co_await net::RunBlocking(*state_->services.pool, [this, held, made] {
    Status done = MakeStandby(state_->services, state_->request.spec(), state_->inputs, *held, *made);
    if (!done) Destroy(*made);
    return done;
  });
  if (status) held->standby.push_back(std::move(*made));
  --state_->sandboxes_begun;
  state_->changed.Notify();
  co_return status;
}

net::Task<void> Template::Replenish() {
  Status added = co_await AddStandby();
  if (!added && !state_->ending) LogWarn("template {}: {}", state_->id, added.error().message());
}

// The next that lives; those that have ended meanwhile are freed.
net::Task<Result<Standby>> Template::TakeStandby() {
  auto held = state_->warmed;
  while (true) {
    if (held->standby.empty()) {
      BURROW_CO_RETURN_IF_ERROR(co_await AddStandby());
    }
    auto next = std::make_shared<Standby>(std::move(held->standby.front()));
    held->standby.pop_front();
    if (Lives(*next)) co_return std::move(*next);
    co_await net::RunBlocking(*state_->services.pool, [next] { Destroy(*next); });
  }
}

net::Task<Result<ForkedContainer>> Template::Fork() {
  auto self = shared_from_this();
  State& state = *state_;
  if (!state.why_not.empty()) co_return Fail(Code::kUnavailable, "{}", state.why_not);
  if (state.ending) co_return Fail(Code::kUnavailable, "the process that was warmed for forks is being ended");
  ForkedContainer forked;
  forked.use = std::make_shared<TemplateUse>(self);
  BURROW_CO_ASSIGN_OR_RETURN(Standby standby, co_await TakeStandby());
  forked.directory = standby.sandbox->directory;
  forked.wires = std::move(standby.wires);
  forked.container = std::make_unique<runtime::Container>(std::move(standby.sandbox->container));
  co_return forked;
}

net::Task<void> Template::End() {
  auto self = shared_from_this();
  if (!std::exchange(state_->ending, true)) {
    while (state_->uses > 0) co_await state_->changed.Wait(kLongWait);
    state_->ended = true;
    co_await Free();
  }
  while (!state_->freed) co_await state_->changed.Wait(kLongWait);
}

net::Task<void> Template::Free() {
  auto self = shared_from_this();
  auto held = state_->warmed;
  while (state_->sandboxes_begun > 0) co_await state_->changed.Wait(kLongWait);
  co_await net::RunBlocking(*state_->services.pool, [held] {
    std::lock_guard lock(held->forking);
    Destroy(*held);
  });
  if (state_->channel) state_->channel->Close();
  if (state_->output) state_->output->Close();
  state_->inputs = {};
  state_->freed = true;
  state_->changed.Notify();
}

}  // namespace burrow::worker

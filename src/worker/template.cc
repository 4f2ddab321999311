#include "worker/template.h"

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

// A sandbox that waits, with the socket by which what moves in will call others.
struct Standby {
  std::optional<Sandbox> sandbox;
  ApiListener api;
};

}  // namespace

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

// On the pool.
Result<Standby> MakeStandby(const ContainerServices& services, const burrow::link::v1::ContainerSpec& spec,
                            const ContainerInputs& inputs, const Warmed& warmed) {
  const std::string id = NewIdText(kIdPrefix);
  Standby standby;
  LaunchPaths paths = PathsOf(services, id, inputs);
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(paths.directory));
  if (services.api) {
    BURROW_ASSIGN_OR_RETURN(standby.api, ApiListener::Open(services.api->options().directory, id));
    paths.api_socket = standby.api.path();
  }
  auto options = PlanLaunch(id, spec, paths);
  BURROW_ASSIGN_OR_RETURN(options.engine, ChooseEngine(spec.function()));
  options.joined_from = warmed.pid_namespace.get();
  options.written_before = warmed.container->upper();
  const std::string directory = paths.directory;
  auto sandbox = MakeSandbox(*services.runtime, std::move(options), kForkDeadline);
  if (!sandbox) {
    (void)os::RemoveTree(directory);
    return Forward(std::move(sandbox.error()));
  }
  standby.sandbox.emplace(std::move(*sandbox));
  return standby;
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
  if (--used_->state_->uses == 0) used_->state_->changed.Notify();
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
    LogInfo("{} cannot be forked: {}", state_->request.spec().function().name(), state_->why_not);
    co_return co_await Free();
  }
  if (!state_->ending) {
    state_->why_not.clear();
    co_await AddStandby();
  }
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

net::Task<void> Template::AddStandby() {
  auto self = shared_from_this();
  auto held = state_->warmed;
  ++state_->sandboxes_begun;
  auto made = co_await net::RunBlocking(*state_->services.pool, [this, held] {
    return MakeStandby(state_->services, state_->request.spec(), state_->inputs, *held);
  });
  --state_->sandboxes_begun;
  state_->changed.Notify();
  if (!made) {
    if (!state_->ending) {
      state_->why_not = made.error().message();
      LogWarn("{} cannot be forked: {}", state_->request.spec().function().name(), state_->why_not);
    }
    co_return;
  }
  held->standby.push_back(std::move(*made));
}

net::Task<Result<ForkedContainer>> Template::Fork() {
  auto self = shared_from_this();
  State& state = *state_;
  if (!state.why_not.empty()) co_return Fail(Code::kUnavailable, "{}", state.why_not);
  if (state.ending) co_return Fail(Code::kUnavailable, "the process that was warmed for forks is being ended");
  ForkedContainer forked;
  forked.use = std::make_shared<TemplateUse>(self);
  auto held = state.warmed;
  if (held->standby.empty()) co_await AddStandby();
  if (held->standby.empty()) co_return Fail(Code::kUnavailable, "{}", state.why_not);
  Standby standby = std::move(held->standby.front());
  held->standby.pop_front();
  auto wires = MakeRunnerWires();
  Status moved = wires ? Status() : Forward(std::move(wires.error()));
  if (moved) {
    const std::string cwd = WorkingDirectory(state.request.spec());
    moved = co_await net::RunBlocking(*state.services.pool, [&, held] {
      std::lock_guard lock(held->forking);
      return MoveIn(held->requests.get(), *standby.sandbox, *wires, cwd, kForkDeadline);
    });
  }
  if (!state.ending) net::RunDetached(*state.services.io, AddStandby(), "sandbox of " + state.id);
  if (!moved) {
    co_await net::RunBlocking(*state.services.pool, [&] { Destroy(standby); });
    co_return Forward(std::move(moved.error()));
  }
  forked.directory = standby.sandbox->directory;
  forked.wires = std::move(*wires);
  forked.wires.api = std::move(standby.api);
  forked.wires.socket.theirs.Reset();
  forked.wires.out.write.Reset();
  forked.wires.err.write.Reset();
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

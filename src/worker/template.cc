#include "worker/template.h"

#include <poll.h>

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <optional>
#include <utility>

#include "base/ids.h"
#include "base/log.h"
#include "net/detached.h"
#include "os/fd_message.h"
#include "os/fs.h"
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
constexpr int kTries = 5;
constexpr const char* kSandboxPrefix = "tm";
constexpr const char* kNotWarm = "the function is still being warmed for forks";

}  // namespace

// A fork that waits in its sandbox for being told which container it is.
struct Standby {
  std::string directory, floors;
  std::optional<Sandbox> sandbox;
  RunnerWires wires;
};

// What forks need of it; read on the pool while it is warm.
struct Warmed {
  std::optional<runtime::Container> container;
  UniqueFd pid_namespace, requests;
  std::deque<Standby> standby;
  std::string directory;
};

struct Template::State {
  ContainerServices services;
  burrow::link::v1::StartContainer request;
  milliseconds start_deadline;
  std::string id;
  std::string why_not = kNotWarm;       // empty: it can be forked
  bool refused = false;                 // it cannot be forked, as was said or seen, and not be warmed again
  bool ended = false;                   // its process is gone, or is about to be
  bool ending = false;                  // as soon as nobody uses it
  bool freeing = false, freed = false;  // what it held
  int uses = 0;                         // containers that came from it
  int sandboxes_begun = 0;              // on the pool
  net::Event changed;                   // one of these
  ContainerInputs inputs;
  std::optional<ContainerVolumes> volumes;  // that the import sees
  std::shared_ptr<Warmed> warmed = std::make_shared<Warmed>();
  std::unique_ptr<RunnerChannel> channel;
  std::unique_ptr<OutputPump> output;
};

namespace {

using Places = google::protobuf::RepeatedPtrField<burrow::link::v1::MountedVolume>;

// On the pool. `standby` is to be destroyed where it fails, too.
Status MakeStandby(const ContainerServices& services, const burrow::link::v1::ContainerSpec& spec, const Places& places,
                   const ContainerInputs& inputs, Warmed& warmed, Standby& standby) {
  const std::string id = NewIdText(kSandboxPrefix);
  BURROW_ASSIGN_OR_RETURN(standby.wires, MakeRunnerWires());
  standby.directory = services.containers_directory + "/" + id;
  standby.floors = services.volumes_directory + "/" + id;
  BURROW_ASSIGN_OR_RETURN(auto options, PrepareLaunch(services, id, spec, inputs, &standby.wires.api));
  BURROW_ASSIGN_OR_RETURN(const auto floors, MakeVolumeFloors(standby.floors, places));
  options.binds.insert(options.binds.end(), floors.begin(), floors.end());
  options.joined_from = warmed.pid_namespace.get();
  options.written_before = warmed.container->upper();
  BURROW_ASSIGN_OR_RETURN(Sandbox sandbox, MakeSandbox(*services.runtime, std::move(options), kForkDeadline));
  standby.sandbox.emplace(std::move(sandbox));
  RunnerWires& wires = standby.wires;
  BURROW_RETURN_IF_ERROR(MoveIn(warmed.requests.get(), *standby.sandbox, wires, WorkingDirectory(spec), kForkDeadline));
  for (UniqueFd* theirs : {&wires.socket.theirs, &wires.out.write, &wires.err.write, &standby.sandbox->standby})
    theirs->Reset();
  return {};
}

// Nothing that the import writes could be committed: it fails at that.
ContainerVolumesOptions VolumesOfTemplate(const std::string& id, const burrow::link::v1::StartContainer& request) {
  ContainerVolumesOptions options{.container_id = id,
                                  .volumes = {request.volumes().begin(), request.volumes().end()},
                                  .reloads = false,
                                  .log = [id](const std::string& line) { LogWarn("template {}: {}", id, line); }};
  for (auto& volume : options.volumes) volume.set_read_only(true);
  return options;
}

bool Lives(const Standby& standby) {
  pollfd ended{.fd = standby.sandbox->container.pidfd(), .events = POLLIN};
  return poll(&ended, 1, 0) == 0;
}

void RemoveDirectory(const std::string& directory) {
  if (directory.empty()) return;
  if (Status removed = os::RemoveTree(directory); !removed) LogWarn("{}", removed.error().message());
}

void Destroy(Standby& standby) {
  standby.sandbox.reset();
  RemoveDirectory(standby.directory);
  RemoveDirectory(standby.floors);
}

void Destroy(Warmed& warmed) {
  warmed.requests.Reset();
  for (Standby& standby : warmed.standby) Destroy(standby);
  warmed.container.reset();
  RemoveDirectory(warmed.directory);
}

}  // namespace

TemplateUse::TemplateUse(std::shared_ptr<Template> used) : used_(std::move(used)) {
  if (++used_->state_->uses == 1) used_->Say();
}
TemplateUse::~TemplateUse() {
  Arrived();
  if (--used_->state_->uses > 0) return;
  used_->Say();
  used_->state_->changed.Notify();
}

void TemplateUse::Failed() { used_->Condemn("a fork of it ended before it took calls"); }

void TemplateUse::Arrived() {
  const Template::State& state = *used_->state_;
  const bool over = state.ending || state.ended || state.refused;
  if (std::exchange(arrived_, true) || over || state.sandboxes_begun > 0 || !state.warmed->standby.empty()) return;
  net::RunDetached(*used_->state_->services.io, used_->Replenish(), "sandbox of " + used_->state_->id);
}

Template::Template(std::unique_ptr<State> state) : state_(std::move(state)) {}
Template::~Template() = default;
bool Template::in_use() const { return state_->uses > 0; }
bool Template::ended() const { return state_->ended; }
bool Template::freed() const { return state_->freed; }

burrow::link::v1::TemplateUpdate Template::Describe() const {
  burrow::link::v1::TemplateUpdate update;
  update.set_template_id(state_->id);
  update.set_function_id(state_->request.spec().function_id());
  update.set_phase(state_->freed ? burrow::link::v1::TEMPLATE_PHASE_ENDED
                   : in_use()    ? burrow::link::v1::TEMPLATE_PHASE_IN_USE
                                 : burrow::link::v1::TEMPLATE_PHASE_IDLE);
  return update;
}

void Template::Say() const {
  burrow::link::v1::FromWorker message;
  *message.mutable_template_update() = Describe();
  state_->services.send(std::move(message));
}

std::shared_ptr<Template> Template::Start(const ContainerServices& services, const std::string& id,
                                          burrow::link::v1::StartContainer request, milliseconds start_deadline) {
  auto state = std::unique_ptr<State>(new State{.services = services,
                                                .request = std::move(request),
                                                .start_deadline = start_deadline,
                                                .id = id,
                                                .changed = net::Event(*services.io)});
  std::shared_ptr<Template> made(new Template(std::move(state)));
  net::RunDetached(*services.io, made->Live(), "template " + made->state_->id);
  return made;
}

// The only one that frees, at its end, so that nothing is taken away under it.
net::Task<void> Template::Live() {
  auto self = shared_from_this();
  State& state = *state_;
  const std::string& name = state.request.spec().function().name();
  Status warm = co_await Warm();
  if (warm) warm = co_await AddStandby();
  if (!state.refused || !warm) state.why_not = warm ? "" : warm.error().message();
  if (!warm && !state.ending) LogInfo("{} cannot be forked: {}", name, state.why_not);
  if (warm) {
    while (true) {  // nothing more is said until its end
      auto frame = co_await state.channel->Read();
      if (!frame || !frame->has_value()) break;
    }
    if (!state.ending) LogWarn("the template {} of {} has ended", state.id, name);
    if (!state.refused) state.why_not = "the process that was warmed for forks has ended";
  }
  // A refusal is worth remembering: the next try would end as this one did.
  state.ended = !state.refused;
  while (state.uses > 0 || state.sandboxes_begun > 0) {
    KillNow();
    co_await state.changed.Wait(kLongWait);
  }
  co_await Free();
}

net::Task<Status> Template::Warm() {
  State& state = *state_;
  BURROW_CO_ASSIGN_OR_RETURN(const auto engine, ChooseEngine(state.request.spec().function()));
  if (engine && *engine != runtime::Engine::kCrun) {
    state.refused = true;
    co_return Fail(Code::kFailedPrecondition, "only crun makes containers that forks can move into");
  }
  BURROW_CO_ASSIGN_OR_RETURN(os::MessagePair requests, os::MakeMessagePair(kForkDeadline));
  state.volumes.emplace(state.services, VolumesOfTemplate(state.id, state.request));
  FreshStartOptions options{.id = state.id,
                            .called_off = [&state] { return state.ending; },
                            .volumes = &*state.volumes,
                            .fork_requests = std::move(requests.theirs)};
  Warmed& warmed = *state.warmed;
  warmed.directory = state.services.containers_directory + "/" + state.id;
  BURROW_CO_ASSIGN_OR_RETURN(FreshStart start,
                             co_await StartFresh(state.services, state.request.spec(), std::move(options)));
  warmed.container = std::move(start.container);
  warmed.requests = std::move(requests.ours);
  state.inputs = std::move(start.inputs);
  state.inputs.volumes.clear();  // those of a fork are its own
  if (state.ending) co_return Fail(Code::kCancelled, "it is not wanted any more");
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
  deadline.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    auto self = weak.lock();
    if (!error && self) self->KillNow();
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
    state_->refused = message.kind == RunnerMessage::Kind::kRefused || message.kind == RunnerMessage::Kind::kFailed;
    if (message.kind == RunnerMessage::Kind::kRefused) co_return Fail(Code::kFailedPrecondition, "{}", message.reason);
    if (message.kind == RunnerMessage::Kind::kFailed)
      co_return Fail(Code::kFailedPrecondition, "its import failed in the process that was to be forked");
  }
}

// One at a time: each takes the processor for some dozens of milliseconds, and a thread of the pool for as long as the
// template takes to answer.
net::Task<Status> Template::AddStandby() {
  auto self = shared_from_this();
  State& state = *state_;
  while (state.sandboxes_begun > 0) co_await state.changed.Wait(kLongWait);
  if (state.ending || state.ended || state.refused)
    co_return Fail(Code::kUnavailable, "the process that was warmed for forks is ending");
  auto held = state.warmed;
  auto made = std::make_shared<Standby>();
  ++state.sandboxes_begun;
  Status status = co_await net::RunBlocking(*state.services.pool, [&state, held, made] {
    Status done =
        MakeStandby(state.services, state.request.spec(), state.request.volumes(), state.inputs, *held, *made);
    if (!done) Destroy(*made);
    return done;
  });
  if (status) held->standby.push_back(std::move(*made));
  --state.sandboxes_begun;
  state.changed.Notify();
  // It holds a thread for ever if it is asked again.
  if (!status && status.error().code() == Code::kDeadlineExceeded) Condemn("a fork of it took too long");
  co_return status;
}

net::Task<void> Template::Replenish() {
  auto self = shared_from_this();
  Status added = co_await AddStandby();
  if (!added && !state_->ending) LogWarn("template {}: {}", state_->id, added.error().message());
}

// The next that lives; those that have ended meanwhile are freed.
net::Task<Result<Standby>> Template::TakeStandby() {
  auto held = state_->warmed;
  for (int tries = 0; tries < kTries; ++tries) {
    if (held->standby.empty()) {
      BURROW_CO_RETURN_IF_ERROR(co_await AddStandby());
      if (held->standby.empty()) continue;  // another start was faster
    }
    auto next = std::make_shared<Standby>(std::move(held->standby.front()));
    held->standby.pop_front();
    if (Lives(*next)) co_return std::move(*next);
    co_await net::RunBlocking(*state_->services.pool, [next] { Destroy(*next); });
  }
  co_return Fail(Code::kUnavailable, "its forks end before they are needed");
}

net::Task<Result<ForkedContainer>> Template::Fork() {
  auto self = shared_from_this();
  State& state = *state_;
  if (!state.why_not.empty()) co_return Fail(Code::kUnavailable, "{}", state.why_not);
  if (state.ending) co_return Fail(Code::kUnavailable, "the process that was warmed for forks is being ended");
  ForkedContainer forked;
  forked.use = std::make_shared<TemplateUse>(self);
  BURROW_CO_ASSIGN_OR_RETURN(Standby standby, co_await TakeStandby());
  forked.directory = standby.directory;
  forked.floors = standby.floors;
  forked.wires = std::move(standby.wires);
  forked.container = std::make_unique<runtime::Container>(std::move(standby.sandbox->container));
  co_return forked;
}

void Template::KillNow() {
  if (!state_->freeing && state_->warmed->container) state_->warmed->container->Kill();
}

void Template::Condemn(const std::string& why) {
  if (state_->refused || state_->ended) return;
  state_->refused = true;
  state_->why_not = why;
  net::RunDetached(*state_->services.io, End(), "end of template " + state_->id);
}

net::Task<void> Template::End() {
  auto self = shared_from_this();
  state_->ending = true;
  while (state_->uses > 0) co_await state_->changed.Wait(kLongWait);
  KillNow();
  while (!state_->freed) co_await state_->changed.Wait(kLongWait);
}

net::Task<void> Template::Free() {
  auto self = shared_from_this();
  auto held = state_->warmed;
  state_->freeing = true;
  co_await net::RunBlocking(*state_->services.pool, [held] { Destroy(*held); });
  if (state_->volumes) co_await state_->volumes->Close();
  if (state_->channel) state_->channel->Close();
  if (state_->output) state_->output->Close();
  state_->inputs = {};
  state_->freed = true;
  Say();
  state_->changed.Notify();
}

}  // namespace burrow::worker

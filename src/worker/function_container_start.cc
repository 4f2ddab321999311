#include <utility>

#include "base/faults.h"
#include "link/protocol.h"
#include "worker/function_container_state.h"
#include "worker/launch_plan.h"

namespace burrow::worker {

net::Task<Status> FunctionContainer::State::Launch() {
  began = services.clock->Now();
  directory = services.containers_directory + "/" + id;
  ArmStartDeadline();
  if (wants_forks()) {
    auto forked = co_await services.forks->Fork(request);
    if (forked) co_return co_await TakeIn(std::move(*forked));
    why_not_forked = "not forked: " + forked.error().message();
    to_be_warmed = request;
  }
  co_return co_await StartFromNothing();
}

net::Task<Status> FunctionContainer::State::TakeIn(ForkedContainer forked) {
  launched = services.clock->Now();
  facts.forked = true;
  directory = std::move(forked.directory);
  forked_from = std::move(forked.use);
  container = std::make_shared<RunningContainer>(std::move(*forked.container));
  if (!volumes.empty()) {
    BURROW_CO_RETURN_IF_ERROR(co_await net::RunBlocking(*services.pool, [this, &forked]() -> Status {
      volumes.TakeFloors(forked.floors);
      BURROW_ASSIGN_OR_RETURN(const auto mounts, container->OpenMounts());
      return volumes.MountUpon(mounts);
    }));
    volumes.Begin(container);
  }
  co_return Connect(std::move(forked.wires), "");
}

net::Task<Status> FunctionContainer::State::StartFromNothing() {
  hot_start.emplace(services, request);
  FreshStartOptions options{.id = id,
                            .record_token = hot_start->token(),
                            .called_off = [this] { return phase == ContainerState::kStopping; },
                            .volumes = &volumes};
  BURROW_CO_ASSIGN_OR_RETURN(FreshStart start, co_await StartFresh(services, request.spec(), std::move(options)));
  KillPoint("worker.container.launched");
  launched = services.clock->Now();
  AddPhase("mount", MillisBetween(began, launched) - start.container->launch_ms());
  AddPhase("launch", start.container->launch_ms(), why_not_forked);
  container = std::make_shared<RunningContainer>(std::move(*start.container));
  volumes.Begin(container);
  inputs = std::move(start.inputs);
  co_return Connect(std::move(start.wires), inputs.function);
}

Status FunctionContainer::State::Connect(RunnerWires wires, const std::string& function) {
  facts.progress = StartProgress::kLaunched;
  BoundDisk();
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

void FunctionContainer::State::BoundDisk() {
  const uint64_t mib = link::EphemeralDiskMib(request.spec().function().resources());
  DiskBoundOptions options{
      .directories = {directory, volumes.directory()}, .bytes = mib << 20, .pause = deadlines.disk_look};
  disk.emplace(*services.io, *services.pool, std::move(options), [this, mib] {
    Kill(EndReason::kOutOfDisk, fmt::format("the container wrote more than its {} MiB of disk", mib));
  });
}

void FunctionContainer::State::AddPhase(const char* name, double ms, std::string note) {
  auto* added = update.add_phases();
  added->set_name(name);
  added->set_ms(ms);
  added->set_note(std::move(note));
}

}  // namespace burrow::worker

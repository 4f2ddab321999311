#include "worker/fresh_start.h"

#include "os/fs.h"
#include "worker/launch_plan.h"

namespace burrow::worker {
namespace {

// On the pool.
Status Launch(const ContainerServices& services, const burrow::link::v1::ContainerSpec& spec,
              const FreshStartOptions& given, FreshStart& start) {
  const bool is_template = given.fork_requests.valid();
  BURROW_ASSIGN_OR_RETURN(
      auto options, PrepareLaunch(services, given.id, spec, start.inputs, is_template ? nullptr : &start.wires.api));
  const RunnerWires& wires = start.wires;
  const int runner = RunnerFd(spec.function());
  options.fds = {{wires.out.write.get(), 1}, {wires.err.write.get(), 2}, {wires.socket.theirs.get(), runner}};
  if (runner != 0) options.fds.emplace_back(wires.null.get(), 0);
  if (is_template) {
    options.joins = true;
    options.fds.emplace_back(given.fork_requests.get(), kForkRequestsFd);
    options.env.push_back(fmt::format("{}={}", kForkRequestsVariable, kForkRequestsFd));
    // Of the containers that its forks move into: a template itself calls nobody.
    if (services.api) options.env.push_back(fmt::format("{}={}", kApiSocketVariable, kApiSocketTarget));
  }
  BURROW_ASSIGN_OR_RETURN(start.container, services.runtime->Start(std::move(options)));
  return {};
}

}  // namespace

Result<runtime::ContainerOptions> PrepareLaunch(const ContainerServices& services, const std::string& id,
                                                const burrow::link::v1::ContainerSpec& spec,
                                                const ContainerInputs& inputs, ApiListener* api) {
  LaunchPaths paths{.directory = services.containers_directory + "/" + id,
                    .lower = inputs.image.lower(),
                    .library = services.library,
                    .source = inputs.source ? inputs.source->path() : ""};
  for (const auto& directory : inputs.attached) paths.attached.push_back(directory->path());
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(paths.directory));
  if (services.api && api != nullptr) {
    BURROW_ASSIGN_OR_RETURN(*api, ApiListener::Open(services.api->options().directory, id));
    paths.api_socket = api->path();
  }
  auto options = PlanLaunch(id, spec, paths);
  options.binds.insert(options.binds.end(), inputs.volumes.begin(), inputs.volumes.end());
  BURROW_ASSIGN_OR_RETURN(options.engine, ChooseEngine(spec.function()));
  return options;
}

net::Task<Result<FreshStart>> StartFresh(const ContainerServices& services, const burrow::link::v1::ContainerSpec& spec,
                                         FreshStartOptions options) {
  FreshStart start;
  start.directory = services.containers_directory + "/" + options.id;
  BURROW_CO_ASSIGN_OR_RETURN(start.inputs, co_await FetchInputs(services, spec, options.record_token, options.volumes));
  if (options.called_off && options.called_off()) co_return Fail(Code::kCancelled, "the start was called off");
  BURROW_CO_ASSIGN_OR_RETURN(start.wires, MakeRunnerWires());
  Status launched = co_await net::RunBlocking(*services.pool, [&] { return Launch(services, spec, options, start); });
  if (!launched) co_return Forward(std::move(launched.error()));
  start.wires.socket.theirs.Reset();
  start.wires.out.write.Reset();
  start.wires.err.write.Reset();
  co_return start;
}

}  // namespace burrow::worker

#include "worker/shell_start.h"

#include <utility>
#include <vector>

#include "builder/image_file.h"
#include "builder/image_user.h"
#include "cas/digest.h"
#include "image/import.h"
#include "net/blocking_pool.h"
#include "os/fs.h"
#include "worker/container_services.h"
#include "worker/fresh_start.h"
#include "worker/shell_plan.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::StartShell;

Result<cas::Digest> IndexOf(const burrow::link::v1::Image& image) {
  auto digest = cas::Digest::FromHex(image.index_digest());
  if (!digest) return Fail(Code::kInvalidArgument, "'{}' names no image", image.index_digest());
  return *digest;
}

Result<image::Tree> LoadTree(const ShellServices& services, const cas::Digest& digest) {
  BURROW_ASSIGN_OR_RETURN(const auto loaded, image::LoadIndex(*services.cache, digest));
  return image::Tree::FromIndex(loaded->index());
}

Result<builder::ImageUser> FindShellUser(const ShellServices& services, const burrow::link::v1::Image& image,
                                         const image::Tree& tree) {
  BURROW_ASSIGN_OR_RETURN(const auto passwd, builder::ReadImageFile(tree, "/etc/passwd", *services.cache));
  BURROW_ASSIGN_OR_RETURN(const auto group, builder::ReadImageFile(tree, "/etc/group", *services.cache));
  return builder::FindUser(image.user(), passwd, group);
}

Status OpenWires(RunningShell& shell) {
  BURROW_ASSIGN_OR_RETURN(shell.wires.input, shell.process.OpenTerminal());
  BURROW_ASSIGN_OR_RETURN(shell.wires.output, shell.process.OpenTerminal());
  return {};
}

// The container's ends of three pipes, of which the shell has the others.
struct ShellPipes {
  os::Pipe input, output, errors;
  std::vector<std::pair<int, int>> Theirs() const {
    return {{input.read.get(), 0}, {output.write.get(), 1}, {errors.write.get(), 2}};
  }
  ShellWires TakeOurs() { return {std::move(input.write), std::move(output.read), std::move(errors.read)}; }
};
Result<ShellPipes> MakeShellPipes() {
  ShellPipes pipes;
  for (os::Pipe* pipe : {&pipes.input, &pipes.output, &pipes.errors}) {
    BURROW_ASSIGN_OR_RETURN(*pipe, os::MakePipe());
  }
  return pipes;
}

Status StartOnTerminal(const ShellServices& services, runtime::ContainerOptions options, RunningShell& shell) {
  BURROW_ASSIGN_OR_RETURN(auto container, services.runtime->Start(std::move(options)));
  shell.process.Hold(std::move(container));
  return OpenWires(shell);
}

Status StartOnPipes(const ShellServices& services, runtime::ContainerOptions options, RunningShell& shell) {
  BURROW_ASSIGN_OR_RETURN(auto pipes, MakeShellPipes());
  options.fds = pipes.Theirs();
  BURROW_ASSIGN_OR_RETURN(auto container, services.runtime->Start(std::move(options)));
  shell.process.Hold(std::move(container));
  shell.wires = pipes.TakeOurs();
  return {};
}

Status StartInside(const runtime::ExecTarget& target, const StartShell& request, RunningShell& shell) {
  auto options = PlanExec(request);
  std::optional<ShellPipes> pipes;
  if (!options.terminal) {
    BURROW_ASSIGN_OR_RETURN(pipes, MakeShellPipes());
    options.fds = pipes->Theirs();
  }
  BURROW_ASSIGN_OR_RETURN(auto exec, runtime::ContainerExec::Start(target, options));
  shell.process.Hold(std::move(exec));
  if (!pipes) return OpenWires(shell);
  shell.wires = pipes->TakeOurs();
  return {};
}

// In a container of its own, upon the image of that index.
Status StartAlone(const ShellServices& services, const runtime::ContainerOptions& options, const cas::Digest& index,
                  RunningShell& shell) {
  Status started =
      options.terminal ? StartOnTerminal(services, options, shell) : StartOnPipes(services, options, shell);
  if (started || shell.process.held()) return started;
  // Engines word it differently, and give no exit code.
  BURROW_ASSIGN_OR_RETURN(const auto tree, LoadTree(services, index));
  shell.fault = FindProgramFault(tree, options);
  return shell.fault ? Status() : std::move(started);
}

Status StartUponImage(const ShellServices& services, const StartShell& request, RunningShell& shell) {
  BURROW_ASSIGN_OR_RETURN(const auto digest, IndexOf(request.image()));
  BURROW_ASSIGN_OR_RETURN(shell.image, services.images->Acquire(digest, {}));
  BURROW_ASSIGN_OR_RETURN(const auto tree, LoadTree(services, digest));
  BURROW_ASSIGN_OR_RETURN(const auto user, FindShellUser(services, request.image(), tree));
  const std::string directory = services.directory + "/" + request.shell_id();
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(directory));
  return StartAlone(services, PlanShell(request, shell.image.lower(), user, directory), digest, shell);
}

Status StartAsFunction(const ShellServices& services, const StartShell& request, RunningShell& shell) {
  BURROW_ASSIGN_OR_RETURN(const auto digest, IndexOf(request.spec().image()));
  BURROW_ASSIGN_OR_RETURN(
      auto options, PrepareLaunch(*services.containers, request.shell_id(), request.spec(), shell.inputs, nullptr));
  PlanFunctionShell(request, options);
  return StartAlone(services, options, digest, shell);
}

// Blocks.
Status StartOnPool(const ShellServices& services, const StartShell& request,
                   const std::optional<runtime::ExecTarget>& inside, RunningShell& shell) {
  if (inside) return StartInside(*inside, request, shell);
  if (!request.container_id().empty())
    return Fail(Code::kNotFound, "the container {} does not run any more", request.container_id());
  return request.has_spec() ? StartAsFunction(services, request, shell) : StartUponImage(services, request, shell);
}

}  // namespace

net::Task<Status> StartShellProcess(const ShellServices& services, const StartShell& request, ContainerVolumes* volumes,
                                    RunningShell& shell) {
  BURROW_CO_RETURN_IF_ERROR(CheckShell(request));
  std::optional<runtime::ExecTarget> inside;
  if (!request.container_id().empty() && services.find_container)
    inside = services.find_container(request.container_id());
  if (request.has_spec()) {
    BURROW_CO_ASSIGN_OR_RETURN(shell.inputs, co_await FetchInputs(*services.containers, request.spec(), "", volumes));
  }
  auto start = [&]() -> Status { return StartOnPool(services, request, inside, shell); };
  co_return co_await net::RunBlocking(*services.pool, std::move(start));
}

}  // namespace burrow::worker

#include "builder/run_function.h"

#include <sys/mman.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "builder/step_container.h"
#include "builder/step_volumes.h"
#include "os/fs.h"

namespace burrow::builder {
namespace {

using FunctionStep = burrow::v1::RunFunctionStep;

constexpr uint64_t kMaxPickle = 256u << 20;  // of a frame's body
constexpr int kCallFd = 4;

constexpr const char* kBootstrap =
    "import sys; sys.path[:1] = ['/burrow/source', '/burrow/lib']; "
    "from burrow._runner.build_call import main; main()";

Result<std::string> Fetch(const burrow::v1::Payload& payload, cas::BlobStore& store) {
  if (payload.data_case() != burrow::v1::Payload::kDigest) return payload.inline_();
  auto digest = cas::Digest::FromHex(payload.digest());
  if (!digest) return Fail(Code::kInvalidArgument, "'{}' is no digest", payload.digest());
  return cas::GetAll(store, *digest, kMaxPickle);
}

// A file without a name that the function's process reads its call from.
Result<UniqueFd> CallFile(const FunctionStep& step, cas::BlobStore& store) {
  const auto& function = step.function();
  const bool serialized = function.pickled().data_case() != burrow::v1::Payload::DATA_NOT_SET;
  BURROW_ASSIGN_OR_RETURN(std::string pickled, Fetch(function.pickled(), store));
  BURROW_ASSIGN_OR_RETURN(std::string arguments, Fetch(step.arguments(), store));
  const nlohmann::json header = {{"module", function.module()},
                                 {"qualname", function.qualname()},
                                 {"name", function.name()},
                                 {"serialized", serialized}};
  UniqueFd file(::memfd_create("call", MFD_CLOEXEC));
  if (!file.valid()) return FailErrno("make a file in memory");
  const std::string start = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  BURROW_RETURN_IF_ERROR(os::WriteAll(file.get(), CallFrame(start, pickled)));
  BURROW_RETURN_IF_ERROR(os::WriteAll(file.get(), CallFrame("{}", arguments)));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return FailErrno("rewind a file in memory");
  return file;
}

std::string DescribeFailure(const std::string& name, int reached, const os::ExitStatus& status) {
  constexpr int kLoaded = 1, kRaised = 2;
  if (status.signal || reached > kRaised) return fmt::format("run_function({}) {}", name, DescribeEnding(status));
  if (reached == kRaised) return fmt::format("run_function({}) failed: the function raised an exception", name);
  if (reached == kLoaded) return fmt::format("run_function({}) {}", name, DescribeEnding(status));
  return fmt::format("run_function({}) failed: the function could not be loaded", name);
}

}  // namespace

std::string CallFrame(std::string_view header, std::string_view body) {
  std::string frame;
  frame.reserve(8 + header.size() + body.size());
  for (size_t size : {header.size(), body.size()}) {
    for (int shift = 0; shift < 32; shift += 8) frame += static_cast<char>(size >> shift & 0xff);
  }
  frame += header;
  frame += body;
  return frame;
}

Result<BuiltImage> RunFunctionStep(const StepContext& context) {
  const auto& step = context.step.step().run_function();
  const auto& function = step.function();
  if (context.services.library.empty() || !context.services.lay_source)
    return Fail(Code::kUnimplemented, "this worker cannot run functions while it builds");
  BURROW_ASSIGN_OR_RETURN(auto call, CallFile(step, *context.services.store));
  BURROW_ASSIGN_OR_RETURN(auto source, context.services.lay_source({step.source().begin(), step.source().end()}));
  BURROW_ASSIGN_OR_RETURN(auto scratch, context.MakeScratch());
  BURROW_ASSIGN_OR_RETURN(auto parent, LoadParent(context));
  StepVolumes volumes(context, scratch.path());
  StepMounts mounts(context, scratch.path());
  BURROW_RETURN_IF_ERROR(volumes.Mount(mounts));
  mounts.AddBind({.source = context.services.library, .target = "/burrow/lib"});
  if (!source.path.empty()) mounts.AddBind({.source = source.path, .target = "/burrow/source"});
  StepCommand command{
      .argv = {"python3", "-c", kBootstrap},
      .env = RecipeEnvironment(context.step, {{"PYTHONUNBUFFERED", "1"}, {"BURROW_CALL_FD", std::to_string(kCallFd)}}),
      .workdir = context.step.parent().workdir(),
      .input = call.get()};
  if (command.workdir.empty()) command.workdir = "/root";
  command.limits.cpus = function.resources().cpu();
  command.limits.memory_bytes = uint64_t{function.resources().memory_mib()} << 20;
  command.limits.pids = function.resources().pids();
  command.describe = [&function](int reached, const os::ExitStatus& status) {
    return DescribeFailure(function.name().empty() ? function.qualname() : function.name(), reached, status);
  };
  BURROW_ASSIGN_OR_RETURN(auto built, RunInContainer(context, std::move(parent), scratch, command, mounts));
  BURROW_RETURN_IF_ERROR(volumes.Commit());
  return built;
}

}  // namespace burrow::builder

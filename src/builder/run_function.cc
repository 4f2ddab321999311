#include "builder/run_function.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "builder/step_container.h"
#include "builder/step_volumes.h"
#include "builder/variable_name.h"
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

// The function's own variables, then the secrets', over the image's.
Result<std::vector<std::string>> Environment(const StepContext& context) {
  const FunctionStep& step = context.step.step().run_function();
  std::map<std::string, std::string> more = {{"PYTHONUNBUFFERED", "1"}};
  more.insert(step.function().env().begin(), step.function().env().end());
  for (const auto& id : step.secrets()) {
    const auto& secrets = context.step.secrets();
    const auto at = std::ranges::find_if(secrets, [&](const auto& secret) { return secret.id() == id; });
    if (at == secrets.end())
      return Fail(Code::kFailedPrecondition, "run_function needs the secret '{}', which the build was not given", id);
    BURROW_ASSIGN_OR_RETURN(auto variables, SecretVariables(*at));
    for (auto& [name, value] : variables) more[name] = std::move(value);
  }
  more["BURROW_CALL_FD"] = std::to_string(kCallFd);
  return RecipeEnvironment(context.step.parent(), more);
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

Result<std::vector<std::pair<std::string, std::string>>> SecretVariables(const burrow::v1::BuildSecret& secret) {
  std::vector<std::pair<std::string, std::string>> variables;
  std::string_view rest = secret.value();
  for (int number = 1; !rest.empty(); ++number) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos || line.starts_with('#')) continue;
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos || !IsVariableName(line.substr(0, equals)) || line.contains('\0'))
      return Fail(Code::kInvalidArgument, "line {} of the secret '{}' is no NAME=value", number, secret.id());
    variables.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  return variables;
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
      .argv = {"python3", "-c", kBootstrap}, .workdir = context.step.parent().workdir(), .input = call.get()};
  BURROW_ASSIGN_OR_RETURN(command.env, Environment(context));
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

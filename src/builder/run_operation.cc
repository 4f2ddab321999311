#include "builder/run_operation.h"

#include <algorithm>

#include "builder/image_file.h"
#include "builder/image_user.h"
#include "builder/run_commands.h"
#include "builder/step_container.h"

namespace burrow::builder {
namespace {

using burrow::link::v1::RunOperation;

// The kernel takes 128 KiB an argument; an engine reads them as text that a NUL would end.
constexpr size_t kMaxArgument = 128u << 10;

Status CheckRun(const RunOperation& run) {
  if (run.args().empty()) return Fail(Code::kInvalidArgument, "RUN has no command");
  for (const auto* list : {&run.args(), &run.env()}) {
    for (const auto& text : *list) {
      if (text.size() >= kMaxArgument || text.find('\0') != std::string::npos)
        return Fail(Code::kInvalidArgument, "an argument or variable of RUN is longer than {} bytes, or holds a NUL",
                    kMaxArgument - 1);
    }
  }
  return {};
}

Result<ImageUser> FindImageUser(const StepContext& context, const image::Tree& tree) {
  auto& cache = *context.services.cache;
  BURROW_ASSIGN_OR_RETURN(const std::string passwd, ReadImageFile(tree, "/etc/passwd", cache));
  BURROW_ASSIGN_OR_RETURN(const std::string group, ReadImageFile(tree, "/etc/group", cache));
  return FindUser(context.step.run().user(), passwd, group);
}

// What mounts bring replaces a variable of that name.
std::vector<std::string> Environment(const RunOperation& run, const StepMounts& mounts, const std::string& home) {
  std::vector<std::string> env(run.env().begin(), run.env().end());
  for (const auto& variable : mounts.env()) {
    const std::string name = variable.substr(0, variable.find('=') + 1);
    std::erase_if(env, [&](const auto& other) { return other.starts_with(name); });
    env.push_back(variable);
  }
  return WithDefaultVariables(std::move(env), home);
}

}  // namespace

Result<BuiltImage> RunOperationStep(const StepContext& context) {
  const RunOperation& run = context.step.run();
  BURROW_RETURN_IF_ERROR(CheckRun(run));
  BURROW_ASSIGN_OR_RETURN(auto scratch, context.MakeScratch());
  BURROW_ASSIGN_OR_RETURN(auto parent, LoadParent(context));
  BURROW_ASSIGN_OR_RETURN(auto user, FindImageUser(context, parent));
  StepMounts mounts(context, scratch.path());
  BURROW_RETURN_IF_ERROR(mounts.Add(run.mounts()));
  const std::string name = ShortCommand(run.display().empty() ? run.args(run.args_size() - 1) : run.display());
  StepCommand command{.argv = {run.args().begin(), run.args().end()},
                      .env = Environment(run, mounts, user.home),
                      .workdir = run.workdir(),
                      .user = std::move(user.ids),
                      .describe = [&name](int, const os::ExitStatus& status) {
                        return fmt::format("'{}' {}", name, DescribeEnding(status));
                      }};
  if (run.network() == burrow::link::v1::RUN_NETWORK_NONE) command.network = runtime::NetworkMode::kNone;
  return RunInContainer(context, std::move(parent), scratch, command, mounts);
}

}  // namespace burrow::builder

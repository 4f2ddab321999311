#include "builder/recipe_steps.h"

#include "builder/add_python.h"
#include "builder/apt_install.h"
#include "builder/pip_install.h"
#include "builder/run_commands.h"
#include "builder/step_container.h"

namespace burrow::builder {
namespace {

const std::map<std::string, std::string> kQuietApt = {{"DEBIAN_FRONTEND", "noninteractive"}, {"LC_ALL", "C.UTF-8"}};

}  // namespace

Result<BuiltImage> AptInstallStep(const StepContext& context) {
  const auto& packages = context.step.step().apt_install().packages();
  BURROW_ASSIGN_OR_RETURN(auto argv, AptInstallCommand({packages.begin(), packages.end()}));
  std::string names;
  for (const auto& package : packages) names += (names.empty() ? "" : " ") + package;
  return RunInContainer(context, {.argv = std::move(argv),
                                  .env = RecipeEnvironment(context.step, kQuietApt),
                                  .describe = [names](int, const os::ExitStatus& status) {
                                    return fmt::format("apt_install({}) {}", names, DescribeEnding(status));
                                  }});
}

Result<BuiltImage> RunCommandsStep(const StepContext& context) {
  const auto& commands = context.step.step().run().commands();
  std::vector<std::string> list(commands.begin(), commands.end());
  const auto& shell = context.step.parent().shell();
  BURROW_ASSIGN_OR_RETURN(auto argv, RunCommandsCommand(list, {shell.begin(), shell.end()}));
  return RunInContainer(context, {.argv = std::move(argv),
                                  .env = RecipeEnvironment(context.step),
                                  .describe = [list](int number, const os::ExitStatus& status) {
                                    bool known = number >= 1 && number <= static_cast<int>(list.size());
                                    return fmt::format(
                                        "the command '{}' {}",
                                        known ? ShortCommand(list[static_cast<size_t>(number) - 1]) : "/bin/sh",
                                        DescribeEnding(status));
                                  }});
}

Result<BuiltImage> PipInstallStep(const StepContext& context) {
  const auto& step = context.step.step().pip_install();
  BURROW_ASSIGN_OR_RETURN(auto argv, PipInstallCommand(step));
  BURROW_ASSIGN_OR_RETURN(auto scratch, context.MakeScratch());
  BURROW_ASSIGN_OR_RETURN(auto parent, LoadParent(context));
  StepMounts mounts(context, scratch.path());
  if (!step.requirements().empty())
    BURROW_RETURN_IF_ERROR(mounts.AddFile(kRequirementsFile, step.requirements(), {.mode = 0444}));
  if (!step.constraints().empty())
    BURROW_RETURN_IF_ERROR(mounts.AddFile(kConstraintsFile, step.constraints(), {.mode = 0444}));
  const StepCommand command{.argv = std::move(argv),
                            .env = RecipeEnvironment(context.step, PipVariables()),
                            .describe = [&step](int reason, const os::ExitStatus& status) {
                              return DescribePipFailure(step, reason, DescribeEnding(status));
                            }};
  return RunInContainer(context, std::move(parent), scratch, command, mounts);
}

Result<BuiltImage> AddPythonStep(const StepContext& context) {
  const std::string& version = context.step.step().add_python().version();
  BURROW_ASSIGN_OR_RETURN(auto argv, AddPythonCommand(version));
  return RunInContainer(context, {.argv = std::move(argv),
                                  .env = RecipeEnvironment(context.step, kQuietApt),
                                  .describe = [&version](int reason, const os::ExitStatus& status) {
                                    return DescribePythonFailure(version, reason, DescribeEnding(status));
                                  }});
}

}  // namespace burrow::builder

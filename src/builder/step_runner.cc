#include "builder/step_runner.h"

#include "builder/base_step.h"
#include "builder/recipe_steps.h"
#include "builder/run_function.h"
#include "builder/run_operation.h"
#include "builder/step_context.h"
#include "builder/step_limit.h"

namespace burrow::builder {
namespace {

using burrow::v1::ImageStep;

Result<BuiltImage> RunStep(const StepContext& context) {
  if (context.step.has_run()) return RunOperationStep(context);
  switch (context.step.step().kind_case()) {
    case ImageStep::kBase:
      return BaseImageStep(context);
    case ImageStep::kAptInstall:
      return AptInstallStep(context);
    case ImageStep::kRun:
      return RunCommandsStep(context);
    case ImageStep::kPipInstall:
      return PipInstallStep(context);
    case ImageStep::kAddPython:
      return AddPythonStep(context);
    case ImageStep::kRunFunction:
      return RunFunctionStep(context);
    case ImageStep::kEnv:  // what needs no container, control does itself
    case ImageStep::kWorkdir:
    case ImageStep::kAddFiles:
    case ImageStep::kDockerfile:
    case ImageStep::kStart:
    case ImageStep::KIND_NOT_SET:
      break;
  }
  return Fail(Code::kInvalidArgument, "this worker does not know this kind of build step: update it");
}

}  // namespace

StepOutcome StepRunner::Run(const burrow::link::v1::BuildStep& step, const OutputSink& output,
                            const Cancellation& cancellation, const StepLinks& links, const WaitSink& waits) const {
  StepOutcome outcome;
  outcome.built = RunStep({.services = services_,
                           .step = step,
                           .output = output,
                           .cancellation = cancellation,
                           .links = links,
                           .waits = waits,
                           .deadline = std::chrono::steady_clock::now() + StepLimit(step),
                           .left = outcome.left});
  return outcome;
}

}  // namespace burrow::builder

#include "builder/step_limit.h"

#include <fmt/format.h>

namespace burrow::builder {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDefaultLimit{30 * 60'000};

}  // namespace

milliseconds StepLimit(const burrow::link::v1::BuildStep& step) {
  return step.timeout_ms() ? milliseconds(step.timeout_ms()) : kDefaultLimit;
}

std::string DescribeOverrun(const burrow::link::v1::BuildStep& step) {
  const double seconds = std::chrono::duration<double>(StepLimit(step)).count();
  const auto& recipe = step.step();
  if (recipe.has_run_function())
    return fmt::format("the function did not end within {:g} s: raise the timeout of run_function", seconds);
  if (step.has_run() || recipe.has_base())
    return fmt::format("the step did not end within {:g} s: `burrow build --step-timeout SECONDS` raises the limit",
                       seconds);
  return fmt::format("the step did not end within {:g} s: split it, or do its work in run_function(f, timeout=SECONDS)",
                     seconds);
}

}  // namespace burrow::builder

#include "control/spec_checks.h"

#include "control/limits.h"
#include "control/secret_table.h"
#include "control/validation.h"
#include "scheduler/cron.h"

namespace burrow::control {
namespace {

constexpr int kMaxSecretsOfFunction = 64;
constexpr uint64_t kMinPeriodMs = 1'000;
constexpr uint64_t kMaxPeriodMs = 10ull * 366 * 86'400'000;
constexpr uint32_t kMaxPeriodMonths = 120;

}  // namespace

Status CheckEnvironmentSecret(const pb::FunctionSecret& secret, std::string_view whose) {
  if (secret.has_name()) {
    BURROW_RETURN_IF_ERROR(CheckName("a secret's name", secret.name()));
  } else if (secret.has_variables()) {
    BURROW_RETURN_IF_ERROR(CheckSecretVariables(secret.variables().variables()));
  } else {
    return Fail(Code::kInvalidArgument, "{} has neither a name nor variables", whose);
  }
  if (static_cast<size_t>(secret.required_keys_size()) > kMaxEnvironment || !secret.fingerprint().empty())
    return Fail(Code::kInvalidArgument, "{} has fields that are not for requests", whose);
  for (const auto& key : secret.required_keys())
    BURROW_RETURN_IF_ERROR(CheckText("a required key", key, kMaxNameBytes));
  return {};
}

Status CheckFunctionSecrets(const pb::FunctionSpec& spec) {
  if (spec.secrets_size() > kMaxSecretsOfFunction)
    return Fail(Code::kInvalidArgument, "{}() has more than {} secrets", spec.name(), kMaxSecretsOfFunction);
  for (const auto& secret : spec.secrets())
    BURROW_RETURN_IF_ERROR(CheckEnvironmentSecret(secret, fmt::format("a secret of {}()", spec.name())));
  return {};
}

Status CheckSchedule(const pb::FunctionSpec& spec) {
  if (!spec.has_schedule()) return {};
  const auto& schedule = spec.schedule();
  BURROW_RETURN_IF_ERROR(CheckPayload(schedule.arguments()));
  if (schedule.has_cron()) {
    BURROW_RETURN_IF_ERROR(CheckText("a time zone", schedule.cron().timezone(), kMaxNameBytes));
    if (auto cron = scheduler::CronExpression::Parse(schedule.cron().expression()); !cron)
      return Forward(std::move(cron.error()).WithContext("the schedule of " + spec.name() + "()"));
    return {};
  }
  const bool is_long_enough = schedule.period_ms() >= kMinPeriodMs || schedule.period_months() > 0;
  const bool is_bounded = schedule.period_ms() <= kMaxPeriodMs && schedule.period_months() <= kMaxPeriodMonths;
  if (schedule.has_period_ms() && is_long_enough && is_bounded) return {};
  return Fail(Code::kInvalidArgument, "the period of {}() must be from a second to ten years", spec.name());
}

}  // namespace burrow::control

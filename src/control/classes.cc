#include "control/classes.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "cas/digest.h"
#include "control/limits.h"
#include "control/overrides.h"
#include "control/validation.h"
#include "proto/deterministic_bytes.h"

namespace burrow::control {
namespace {

constexpr size_t kIdLetters = 26;
constexpr size_t kKeyLetters = 16;

// The same for equal overrides. Sealed twice, the same variables look different; their fingerprint does not.
std::string BytesOf(pb::SpecOverrides overrides) {
  for (auto& secret : *overrides.mutable_secrets()->mutable_secrets()) {
    if (secret.has_sealed()) secret.clear_sealed();
  }
  if (overrides.secrets().secrets().empty()) overrides.clear_secrets();
  return DeterministicBytes(overrides);
}

std::string DigestOf(const pb::BoundParameters& bound) {
  std::string text = bound.base_function_id();
  for (const auto& value : bound.values()) {
    std::string bytes = value.SerializeAsString();
    text += fmt::format("\n{} ", bytes.size()) + bytes;
  }
  if (bound.has_overrides()) text += "\noverrides " + BytesOf(bound.overrides());
  return cas::Digest::Of(text).Hex();
}

bool HasType(const pb::Parameter& value, pb::ParameterType type) {
  switch (value.value_case()) {
    case pb::Parameter::kText:
      return type == pb::PARAMETER_TYPE_TEXT;
    case pb::Parameter::kNumber:
      return type == pb::PARAMETER_TYPE_NUMBER;
    case pb::Parameter::kFlag:
      return type == pb::PARAMETER_TYPE_FLAG;
    case pb::Parameter::kData:
      return type == pb::PARAMETER_TYPE_DATA;
    case pb::Parameter::VALUE_NOT_SET:
      return false;
  }
  return false;
}

Status CheckValue(const pb::ParameterSpec& parameter, const pb::Parameter& value) {
  if (!HasType(value, parameter.type()))
    return Fail(Code::kInvalidArgument, "the parameter {} has a value of another type", parameter.name());
  if (value.ByteSizeLong() > kMaxParameterBytes)
    return Fail(Code::kInvalidArgument, "the parameter {} is longer than {} bytes", parameter.name(),
                kMaxParameterBytes);
  return {};
}

bool Equal(const pb::Parameter& one, const pb::Parameter& other) {
  pb::Parameter named = other;
  named.set_name(one.name());
  return one.SerializeAsString() == named.SerializeAsString();
}

Status CheckAtOnce(const pb::FunctionSpec& spec) {
  if (spec.max_inputs() > kMaxCallsAtOnce || spec.max_batch_size() > kMaxCallsAtOnce) {
    return Fail(Code::kInvalidArgument, "max_inputs and max_batch_size must be at most {}", kMaxCallsAtOnce);
  }
  if (spec.max_inputs() > 1 && spec.max_batch_size() > 0)
    return Fail(Code::kInvalidArgument, "{} has both max_inputs and max_batch_size: choose one", spec.name());
  if (spec.target_inputs() > std::max(1u, spec.max_inputs()))
    return Fail(Code::kInvalidArgument, "target_inputs is above max_inputs");
  if (spec.batch_wait_ms() > kMaxBatchWaitMs)
    return Fail(Code::kInvalidArgument, "batch_wait_ms must be at most {}", kMaxBatchWaitMs);
  bool at_once = spec.max_inputs() > 1 || spec.max_batch_size() > 0;
  if (spec.single_use_containers() && at_once)
    return Fail(Code::kInvalidArgument, "single-use containers take one call each: leave out what runs several");
  return {};
}

Status CheckMethods(const pb::ClassSpec& given) {
  if (given.methods().empty()) return Fail(Code::kInvalidArgument, "a class needs a method that can be called");
  if (given.methods_size() > static_cast<int>(kMaxMethods))
    return Fail(Code::kInvalidArgument, "a class may have at most {} methods", kMaxMethods);
  std::set<std::string_view> names;
  for (const auto& method : given.methods()) {
    BURROW_RETURN_IF_ERROR(CheckText("a method's name", method.name(), kMaxNameBytes));
    if (method.name().empty() || !names.insert(method.name()).second)
      return Fail(Code::kInvalidArgument, "the method '{}' comes twice, or has no name", method.name());
  }
  return {};
}

Status CheckParameters(const pb::ClassSpec& given) {
  if (given.parameters_size() > static_cast<int>(kMaxParameters))
    return Fail(Code::kInvalidArgument, "a class may have at most {} parameters", kMaxParameters);
  std::set<std::string_view> names;
  for (const auto& parameter : given.parameters()) {
    BURROW_RETURN_IF_ERROR(CheckText("a parameter's name", parameter.name(), kMaxNameBytes));
    if (parameter.name().empty() || !names.insert(parameter.name()).second)
      return Fail(Code::kInvalidArgument, "the parameter '{}' comes twice, or has no name", parameter.name());
    if (parameter.type() < pb::PARAMETER_TYPE_TEXT || parameter.type() > pb::PARAMETER_TYPE_DATA)
      return Fail(Code::kInvalidArgument, "the parameter {} has no type", parameter.name());
    if (parameter.has_default_()) BURROW_RETURN_IF_ERROR(CheckValue(parameter, parameter.default_()));
  }
  return {};
}

}  // namespace

std::string FunctionKey(const pb::FunctionSpec& spec) {
  if (!spec.has_bound()) return spec.name();
  return spec.name() + "#" + DigestOf(spec.bound()).substr(0, kKeyLetters);
}

bool NeedsParameters(const pb::FunctionSpec& spec) {
  auto needed = [](const auto& parameter) { return !parameter.has_default_(); };
  return !spec.has_bound() && std::ranges::any_of(spec.class_spec().parameters(), needed);
}

const pb::MethodSpec* FindMethod(const pb::FunctionSpec& spec, const std::string& method) {
  for (const auto& known : spec.class_spec().methods()) {
    if (known.name() == method) return &known;
  }
  return nullptr;
}

bool Yields(const pb::FunctionSpec& spec, const std::string& method) {
  if (!spec.has_class_spec()) return spec.is_generator();
  const auto* found = FindMethod(spec, method);
  return found && found->is_generator();
}

Status CheckMethod(const pb::FunctionSpec& spec, const std::string& method) {
  if (!spec.has_class_spec()) {
    if (method.empty()) return {};
    return Fail(Code::kInvalidArgument, "{} is a function and has no method '{}'", spec.name(),
                method.substr(0, kMaxNameBytes));
  }
  if (!FindMethod(spec, method))
    return Fail(Code::kInvalidArgument, "the class {} has no method '{}'", spec.name(),
                method.substr(0, kMaxNameBytes));
  if (NeedsParameters(spec))
    return Fail(Code::kInvalidArgument, "the class {} has parameters without default: bind them first", spec.name());
  return {};
}

Status CheckClass(const pb::FunctionSpec& spec) {
  if (spec.has_bound()) return Fail(Code::kInvalidArgument, "parameters are bound by Apps/Bind alone");
  BURROW_RETURN_IF_ERROR(CheckAtOnce(spec));
  if (!spec.has_class_spec()) return {};
  BURROW_RETURN_IF_ERROR(CheckMethods(spec.class_spec()));
  if (spec.max_batch_size() > 0 && spec.class_spec().methods_size() > 1)
    return Fail(Code::kInvalidArgument, "the batched method of {} must be its only one", spec.name());
  return CheckParameters(spec.class_spec());
}

Result<pb::BoundParameters> BindParameters(const FunctionId& base, const pb::FunctionSpec& spec,
                                           const google::protobuf::RepeatedPtrField<pb::Parameter>& given) {
  std::vector<const pb::ParameterSpec*> known;
  for (const auto& parameter : spec.class_spec().parameters()) known.push_back(&parameter);
  std::ranges::sort(known, {}, [](const auto* parameter) { return parameter->name(); });
  pb::BoundParameters bound;
  bound.set_base_function_id(base.str());
  int used = 0;
  for (const auto* parameter : known) {
    auto named = [&](const auto& value) { return value.name() == parameter->name(); };
    auto value = std::ranges::find_if(given, named);
    if (value == given.end()) {
      if (parameter->has_default_()) continue;
      return Fail(Code::kInvalidArgument, "{} needs its parameter {}", spec.name(), parameter->name());
    }
    used++;
    BURROW_RETURN_IF_ERROR(CheckValue(*parameter, *value));
    if (!parameter->has_default_() || !Equal(*value, parameter->default_())) *bound.add_values() = *value;
  }
  if (used != given.size())
    return Fail(Code::kInvalidArgument, "{} is given a parameter twice, or one that it does not have", spec.name());
  return bound;
}

Status CheckVariant(const lpb::ContainerSpec& base, const pb::BoundParameters& bound) {
  auto spec = VariantSpec(base, bound).function();
  spec.clear_bound();
  spec.clear_secrets();  // which are sealed by now
  return CheckFunction(spec);
}

FunctionId VariantId(const pb::BoundParameters& bound) {
  return FunctionId(fmt::format("{}-{}", FunctionTag::kPrefix, DigestOf(bound).substr(0, kIdLetters)));
}

lpb::ContainerSpec VariantSpec(const lpb::ContainerSpec& base, const pb::BoundParameters& bound) {
  lpb::ContainerSpec spec = base;
  spec.set_function_id(VariantId(bound).str());
  ApplyOverrides(bound.overrides(), *spec.mutable_function());
  spec.mutable_function()->clear_schedule();  // which calls the function itself
  *spec.mutable_function()->mutable_bound() = bound;
  return spec;
}

}  // namespace burrow::control

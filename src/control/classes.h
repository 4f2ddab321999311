// Functions that are classes: their methods, their parameters, and the variants that Bind makes of these and others.
// Pure.
#pragma once

#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "control/messages.h"

namespace burrow::control {

// What a function is called in its app: its name, and for a variant also what stands for its parameters.
std::string FunctionKey(const pb::FunctionSpec& spec);
// Some parameter has no default, so that only variants can be called.
bool NeedsParameters(const pb::FunctionSpec& spec);
// Nothing for a function that is no class.
const pb::MethodSpec* FindMethod(const pb::FunctionSpec& spec, const std::string& method);
bool Yields(const pb::FunctionSpec& spec, const std::string& method);

// kInvalidArgument, in words for whoever calls, unless `method` can be called on a function with this spec.
Status CheckMethod(const pb::FunctionSpec& spec, const std::string& method);
// The class part of what a client publishes, and what runs at once.
Status CheckClass(const pb::FunctionSpec& spec);

// Values ordered by name, without those that equal their default; empty: the class's own function. kInvalidArgument
// where they do not fit the class.
Result<pb::BoundParameters> BindParameters(const FunctionId& base, const pb::FunctionSpec& spec,
                                           const google::protobuf::RepeatedPtrField<pb::Parameter>& given);
// kInvalidArgument where overrides make something of the function that could not be published.
Status CheckVariant(const lpb::ContainerSpec& base, const pb::BoundParameters& bound);
// The same for the same parameters and overrides.
FunctionId VariantId(const pb::BoundParameters& bound);
// A function's specification with parameters and overrides. The base's values win over all else that the variant had.
lpb::ContainerSpec VariantSpec(const lpb::ContainerSpec& base, const pb::BoundParameters& bound);

}  // namespace burrow::control

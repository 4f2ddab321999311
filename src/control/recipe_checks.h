// What clients may ask a build for. kInvalidArgument with a sentence that names what is wrong.
#pragma once

#include <string_view>

#include "base/error.h"
#include "control/messages.h"

namespace burrow::control {

Status CheckRecipe(const pb::BuildRequest& request);
Status CheckStep(const pb::ImageStep& step, bool first);
// "tools", "team/tools:1.2": up to 256 letters, digits and . _ - / : that begins with a letter or digit.
Status CheckImageName(std::string_view name);

}  // namespace burrow::control

// What a build begins upon, or copies from: images by name, of registries, and the built-in ones.
#pragma once

#include <memory>
#include <string>

#include "control/ongoing_build.h"

namespace burrow::control {

// "scratch", "debian_slim", the name or id of an image, or what a registry has at HOST/NAME[:TAG]. Fetching and
// bootstrapping are steps of the build; `fresh`: a registry is asked again.
net::Task<Result<BuiltTree>> FindBase(std::shared_ptr<OngoingBuild> build, std::string reference, bool fresh,
                                      std::string stage);

// The same for the base of a recipe.
net::Task<Result<BuiltTree>> MakeBase(std::shared_ptr<OngoingBuild> build, pb::ImageStep step, bool fresh,
                                      std::string stage);

}  // namespace burrow::control

// Image.apt_install(): what runs in the container. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace burrow::builder {

// "name", "name=version", "name:arch" and "name/suite" by Debian's grammar: never an option, never a word of a shell.
bool IsDebianPackage(std::string_view package);

// kInvalidArgument names the first package that is none. The packages are arguments of a fixed script.
Result<std::vector<std::string>> AptInstallCommand(const std::vector<std::string>& packages);

}  // namespace burrow::builder

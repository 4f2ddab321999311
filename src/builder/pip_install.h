// Image.pip_install() and uv_pip_install(): what runs in the container. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "burrow/v1/images.pb.h"

namespace burrow::builder {

// Where the container finds the texts of a requirements file and of a constraints file.
inline constexpr const char* kRequirementsFile = "/run/burrow/requirements.txt";
inline constexpr const char* kConstraintsFile = "/run/burrow/constraints.txt";

// A requirement specifier, path or URL as one argument: never an option.
bool IsRequirement(std::string_view package);

// A fixed script with everything of the user's as its arguments. It installs pip by apt-get where the image has Python
// and no pip, and leaves no cache. Before it gives up by itself it writes a reason for DescribePipFailure to descriptor
// 3. kInvalidArgument names what cannot be.
Result<std::vector<std::string>> PipInstallCommand(const burrow::v1::PipInstallStep& step);
// Of its environment.
std::map<std::string, std::string> PipVariables();

// `ending`: how the command ended.
std::string DescribePipFailure(const burrow::v1::PipInstallStep& step, int reason, const std::string& ending);

}  // namespace burrow::builder

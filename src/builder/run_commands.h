// Image.run_commands(): what runs in the container. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace burrow::builder {

// One process that runs each command by /bin/sh -c in order until one fails, exits with its code, and first writes each
// command's number (from 1) as a line to descriptor 3. kInvalidArgument for what cannot be an argument: no command, one
// over 100 KiB or with a NUL.
Result<std::vector<std::string>> RunCommandsCommand(const std::vector<std::string>& commands);

// "pip install x": the command's first line, shortened, for an error.
std::string ShortCommand(const std::string& command);

}  // namespace burrow::builder

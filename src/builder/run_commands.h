// Image.run_commands(): what runs in the container. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace burrow::builder {

// One process, of /bin/sh, that runs each command by `shell` (empty: /bin/sh -c) in order until one fails, exits with
// its code, and first writes each command's number (from 1) as a line to descriptor 3. kInvalidArgument for what cannot
// be an argument: no command, one over 100 KiB or with a NUL, and words of the shell that are no better.
Result<std::vector<std::string>> RunCommandsCommand(const std::vector<std::string>& commands,
                                                    std::vector<std::string> shell = {});

// "pip install x": the command's first line, shortened, for an error.
std::string ShortCommand(const std::string& command);

}  // namespace burrow::builder

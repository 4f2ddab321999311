// RUN once its stage is known: mounts with all their defaults, and the argument list. Pure.
#pragma once

#include <string>
#include <vector>

#include "dockerfile/instruction.h"

namespace burrow::dockerfile {

// The argument list of a command; the shell comes before a text.
std::vector<std::string> ArgumentList(const Command& command, const std::vector<std::string>& shell);

struct RunText {
  std::string text;    // for the shell, with its heredocs
  std::string script;  // a lone heredoc that names its interpreter: text is empty then
};

// Of the shell form. A lone heredoc is the script itself; others go to the shell as they are.
RunText TextOf(const Run& run);

// Makes paths absolute and fills in what follows from the others: a secret's file, a cache's id.
void SettleMount(RunMount& mount, const std::string& workdir);

}  // namespace burrow::dockerfile

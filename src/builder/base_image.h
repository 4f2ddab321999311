// Image.debian_slim(): a small Debian with python3, bootstrapped from the machine's own archives. Blocking.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "builder/cancellation.h"
#include "builder/debian_sources.h"
#include "builder/output_tail.h"

namespace burrow::builder {

// The command that makes it. Pure.
std::vector<std::string> BootstrapCommand(const DebianSources& sources, const std::string& target);

struct Bootstrap {
  std::string directory;       // existing and empty: gets "root" with the tree, and the bootstrap's temporary files
  std::string python_version;  // see SourcesForPython
  std::chrono::steady_clock::time_point deadline;
  std::function<Status()> check;  // see Watched
};

// Gives the directory of the finished tree. The error names what failed with its last lines; where mmdebstrap is
// missing it says how to install it.
Result<std::string> BootstrapDebian(const Bootstrap& bootstrap, const OutputSink& output,
                                    const Cancellation& cancellation);

}  // namespace burrow::builder

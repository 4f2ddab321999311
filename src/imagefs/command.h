// `burrowd imagefs`: the process that serves images over /dev/fuse until its descriptors close or SIGTERM comes.
#pragma once

namespace burrow::imagefs {

// Entry point of the subcommand; configuration comes as JSON over an inherited descriptor (see supervisor.cc). Returns
// the exit code.
int RunImagefs(int config_fd);

}  // namespace burrow::imagefs

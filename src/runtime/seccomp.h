// The default list of system calls that a container may make. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace burrow::runtime {

// linux.seccomp of an OCI config: everything not listed fails with EPERM, clone3 with ENOSYS (so that the C library
// falls back to clone, whose flags can be looked at). New namespaces, mounts, kernel keys, modules, BPF, io_uring and
// device nodes are not to be had. Programs of another architecture (32-bit ones on a 64-bit machine) are killed.
// `joins`: setns, too, which reaches no namespace but those whose descriptors a process was given.
nlohmann::json DefaultSeccomp(bool joins);

}  // namespace burrow::runtime

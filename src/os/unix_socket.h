// Sockets that are files.
#pragma once

#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace burrow::os {

// A socket that listens as `name` in an open directory, where nothing of that name may be. Non-blocking, close-on-exec.
// By way of the directory's descriptor, since a socket's path may have 107 bytes only.
Result<UniqueFd> ListenUnix(int directory, const std::string& name, int backlog);

}  // namespace burrow::os

// Small file helpers. Blocking; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace burrow::os {

Result<UniqueFd> Open(const std::string& path, int flags, unsigned mode = 0644);  // O_CLOEXEC is added
// Opens a path relative to `root` so that no "..", absolute link or magic link leaves it (openat2 RESOLVE_IN_ROOT).
Result<UniqueFd> OpenInRoot(int root, const std::string& path, int flags, unsigned mode = 0);
// Opens a path that leads below `root`, through no link at all (openat2 RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS).
Result<UniqueFd> OpenBeneath(int root, const std::string& path, int flags);
// Reads a whole file of at most `limit` bytes; kOutOfRange above that.
Result<std::string> ReadFile(const std::string& path, uint64_t limit = 64u << 20);
// Temporary file, fsync, rename, fsync of the directory.
Status WriteFileAtomically(const std::string& path, std::string_view content, unsigned mode = 0644);
Status WriteAll(int fd, std::string_view data);
Status WriteAllAt(int fd, std::string_view data, uint64_t offset);  // leaves the file's position alone
// mkdir -p; existing directories are fine.
Status MakeDirectories(const std::string& path, unsigned mode = 0755);
// rm -rf without following links and without crossing into another mounted filesystem. A missing path is no error.
Status RemoveTree(const std::string& path);
// Takes an exclusive lock file for the life of the descriptor; kFailedPrecondition when somebody holds it.
Result<UniqueFd> LockFile(const std::string& path);

}  // namespace burrow::os

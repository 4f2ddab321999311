// A directory whose entries are read one after another.
#pragma once

#include <dirent.h>

#include <memory>

#include "base/unique_fd.h"

namespace burrow::os {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using DirectoryStream = std::unique_ptr<DIR, CloseDirectory>;

// Takes the descriptor over. Null, with errno set, where it is no open directory.
DirectoryStream StreamOf(UniqueFd directory);
// The directory `name` in `parent`, which may be AT_FDCWD; not through a link in the last component. Null, with errno
// set, where it cannot be opened.
DirectoryStream OpenDirectoryStream(int parent, const char* name);

}  // namespace burrow::os

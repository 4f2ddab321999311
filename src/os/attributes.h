// What a directory is told beside its entries. Blocking; any thread.
#pragma once

#include <string>

#include "base/error.h"

namespace burrow::os {

// Gives the directory `to` the mode, owner, extended attributes and modification time of `from`; overlay's own
// attributes (trusted.overlay.*), and those that the other filesystem does not take, are left out. Both are open for
// reading.
Status CopyDirectoryAttributes(int from, int to);
Status CopyDirectoryAttributes(const std::string& from, const std::string& to);

}  // namespace burrow::os

// How many descriptors this process may have.
#pragma once

#include <cstddef>

namespace burrow::os {

// Raises the bound to `wanted`, or to what the machine allows where that is less, and gives what it then is. It is
// never lowered. Children inherit it.
size_t RaiseOpenFiles(size_t wanted);

}  // namespace burrow::os

// Named points where a test makes the daemon fail: BURROW_FAULTS="cas.commit.before_rename=kill,link.send=error".
// Without that variable a point costs one relaxed load.
#pragma once

#include <string_view>

#include "base/error.h"

namespace burrow {

// Does what BURROW_FAULTS asks of this point: nothing, SIGKILL of the own process, or an error (kUnavailable) returned
// here.
Status FaultPoint(std::string_view name);

}  // namespace burrow

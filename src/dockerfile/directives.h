// Parser directives: "# escape=`" in the first lines. Pure.
#pragma once

#include "base/error.h"
#include "dockerfile/parse.h"

namespace burrow::dockerfile {

// From the Dockerfile's `lines`: sets `escape`, and notes what is ignored.
Status ReadDirectives(Dockerfile& dockerfile);

}  // namespace burrow::dockerfile

// Where in the text something stands whose offset is not known any more. Pure.
#pragma once

#include <string_view>

#include "dockerfile/parse.h"

namespace burrow::dockerfile {

// The first place of `fragment` in the instruction that begins at `from`, or `from` itself where it is spread over
// lines.
Position Locate(const Dockerfile& dockerfile, Position from, std::string_view fragment);

// A plain sentence about the fragment, in Parse's form.
Error ErrorAbout(const Dockerfile& dockerfile, Position from, std::string_view fragment, std::string_view message,
                 std::string_view hint = {});

}  // namespace burrow::dockerfile

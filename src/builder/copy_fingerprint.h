// What a copy is known again by. Private to this module. Pure.
#pragma once

#include <vector>

#include "builder/copy_selection.h"
#include "cas/digest.h"
#include "dockerfile/instruction.h"

namespace burrow::builder {

// Of the sources in their order, and of the options that decide where and how they go; not of times.
cas::Digest FingerprintCopy(const dockerfile::Copy& copy, const std::vector<CopySource>& sources);

}  // namespace burrow::builder

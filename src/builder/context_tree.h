// A build context as a tree, so that copying from it and from a stage is the same. Pure.
#pragma once

#include "base/error.h"
#include "burrow/v1/images.pb.h"
#include "image/tree.h"

namespace burrow::builder {

// Everything belongs to root. kInvalidArgument names the entry that does not stay inside, comes twice, lies below what
// is no directory, or whose digest is none. Missing parents are added. Files of cas::kFramedFrom bytes or more have no
// frame table yet.
Result<image::Tree> ContextTree(const burrow::v1::ContextManifest& manifest);

// Sets every time after `epoch` (seconds) to it.
void ClampTimes(image::Tree& tree, int64_t epoch);

}  // namespace burrow::builder

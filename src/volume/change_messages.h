// Changes of a volume as control is told of them. Pure.
#pragma once

#include <vector>

#include "burrow/v1/volumes.pb.h"
#include "image/tree.h"

namespace burrow::volume {

// Of entries that ReadUpperChanges gives, in their order.
burrow::v1::VolumeChanges ToMessage(const std::vector<image::UpperEntry>& entries);

}  // namespace burrow::volume

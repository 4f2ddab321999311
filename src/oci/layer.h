// A layer as it is kept: what it changes, its content in the store.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "image/tree.h"

namespace burrow::oci {

struct Layer {
  // Whiteouts and emptied directories first: they mean lower layers alone. Applies to any tree by image::ApplyLayer.
  std::vector<image::UpperEntry> entries;
  uint64_t files = 0, bytes = 0;  // regular ones
};

// A layer as one blob. Pure; deterministic.
std::string EncodeLayer(const Layer& layer);
// kDataLoss where the bytes are no layer.
Result<Layer> DecodeLayer(std::string_view bytes);

// Every blob that the layer's files need, each once.
std::vector<cas::Digest> LayerBlobs(const Layer& layer);

}  // namespace burrow::oci

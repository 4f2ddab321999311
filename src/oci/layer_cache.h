// Which layers and images were imported before.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "cas/digest.h"

namespace burrow::oci {

// Thread-safe; blocks. What it names may have gone from the blob store since: whoever asks looks.
class LayerCache {
 public:
  virtual ~LayerCache() = default;
  // The blob of the encoded layer whose uncompressed tar has this digest.
  virtual Result<std::optional<cas::Digest>> FindLayer(const cas::Digest& diff_id) = 0;
  virtual Status RememberLayer(const cas::Digest& diff_id, const cas::Digest& layer) = 0;
  // The index that a sequence of layers led to. `chain` is the sequence's digest.
  virtual Result<std::optional<cas::Digest>> FindImage(const cas::Digest& chain) = 0;
  virtual Status RememberImage(const cas::Digest& chain, const cas::Digest& index) = 0;
};

}  // namespace burrow::oci

// Where an image comes from: an archive or a registry.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "oci/byte_source.h"
#include "oci/image_config.h"

namespace burrow::oci {

struct SourceLayer {
  std::optional<cas::Digest> diff_id;  // of the uncompressed tar; absent where nobody said it
  uint64_t stored_bytes = 0;           // as it lies there, perhaps compressed
  bool whiteouts = true;               // false for a tree of its own: ".wh.x" is a name like any other
  std::string left_out;                // what the source calls it, where it was told to do without it
};
struct SourceImage {
  ImageConfig config;
  std::vector<SourceLayer> layers;  // lowest first
};

// Blocks.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  // What the image is made of. Once, before any layer is opened.
  virtual Result<SourceImage> Resolve(const std::stop_token& stop) = 0;
  // A layer as it lies there. Several threads may have layers open at once; each outlived by this source. Bytes that
  // came in are added to `counter`, also if they come before Next. kCancelled after a stop.
  virtual Result<std::unique_ptr<ByteSource>> OpenLayer(size_t layer, std::atomic<uint64_t>* counter,
                                                        const std::stop_token& stop) = 0;
  // A machine that it waits for and has not heard of for a while; else empty. Thread-safe; does not block.
  virtual std::string SilentHost() const { return {}; }
  // Nothing more is read: gives up what it holds, such as a file that nobody else wants on the disk any more.
  virtual void Close() {}
};

}  // namespace burrow::oci

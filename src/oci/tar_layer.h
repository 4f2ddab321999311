// Reads a layer's tar: entries for the tree, content into the store. Foreign bytes; bounded.
#pragma once

#include <string>

#include "oci/blob_feed.h"
#include "oci/byte_source.h"
#include "oci/layer.h"
#include "os/disk_room.h"

namespace burrow::oci {

struct TarLayerOptions {
  uint64_t max_bytes = 256ull << 30;   // of all content
  uint64_t max_entries = 10'000'000;   //
  uint64_t max_metadata = 1ull << 30;  // of names, targets and attributes
  std::string scratch_directory;       // for content that is too large for memory
  uint64_t keep_free = os::kKeepFree;  // bytes of its disk that the layer leaves alone
  bool whiteouts = true;               // else ".wh.x" is a name like any other
};

// Reads an uncompressed tar to its end and hands each file's content to `feed`. One thread; blocks.
//
// Kept: names of any bytes, modes with setuid, setgid and sticky bits, owners, times with nanoseconds, extended
// attributes (SCHILY.xattr, LIBARCHIVE.xattr) but for trusted.overlay.* and security.selinux, hard links also to files
// of lower layers, fifos and devices (containers mount images nodev). kInvalidArgument, naming the member: "..", a
// character device 0:0, a hard link to nothing, types that images do not have, a damaged or cut tar. kResourceExhausted
// where the disk is nearly full.
Result<Layer> ReadTarLayer(ByteSource& tar, BlobFeed& feed, const TarLayerOptions& options);

}  // namespace burrow::oci

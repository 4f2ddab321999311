// From an index to an EROFS image that holds the tree's metadata alone: the lowest directory of an overlay whose
// data-only layers hold the content. Pure; same index, same bytes.
#pragma once

#include <string>
#include <string_view>

#include "image/index.h"

namespace burrow::image {

// Where content is looked for in a data-only layer: "/ab/cdef...", as DiskBlobStore lays blobs out.
std::string ContentPath(const cas::Digest& digest);

// The image's bytes, a whole number of blocks of 4096. Hard links share an inode; a regular file that is not empty is a
// hole of its size with the attributes trusted.overlay.metacopy and trusted.overlay.redirect (its ContentPath).
// kInvalidArgument, naming the inode, for what EROFS cannot hold: extended attributes of one inode beyond 256 KiB in
// all or 65535 bytes in one, names other than user.*, trusted.*, security.* and POSIX ACLs, files beyond 8 TiB.
Result<std::string> WriteErofs(const Index& index);

}  // namespace burrow::image

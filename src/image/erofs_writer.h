// From an index to an EROFS image that holds the tree's metadata alone: the lowest directory of an overlay whose
// data-only layers hold the content. Pure; same index, same bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "image/index.h"

namespace burrow::image {

// Where content is looked for in a data-only layer: "/ab/cdef...", as DiskBlobStore lays blobs out.
std::string ContentPath(const cas::Digest& digest);

// Takes a piece of the image. Pieces come in no order, none twice; what none of them holds is zero.
using ErofsSink = std::function<Status(uint64_t offset, std::string_view bytes)>;

// Hard links share an inode; a regular file that is not empty is a hole of its size with the attributes
// trusted.overlay.metacopy and trusted.overlay.redirect (its ContentPath). Takes some 50 bytes of memory for each inode
// and a megabyte, however large the image.
class ErofsWriter {
 public:
  // `index` must outlive the writer. kInvalidArgument, naming the inode, for what EROFS cannot hold: extended
  // attributes of one inode beyond 256 KiB in all or 65535 bytes in one, names other than user.*, trusted.*, security.*
  // and POSIX ACLs, files beyond 8 TiB.
  static Result<ErofsWriter> For(const Index& index);
  ErofsWriter(ErofsWriter&&) noexcept;
  ~ErofsWriter();

  uint64_t size() const;  // of the image: a whole number of blocks of 4096
  // The sink's error ends it. May be called again.
  Status Write(const ErofsSink& sink) const;

 private:
  struct Plan;
  explicit ErofsWriter(std::unique_ptr<const Plan> plan);
  std::unique_ptr<const Plan> plan_;
};

// The whole image in memory, for small ones.
Result<std::string> WriteErofs(const Index& index);

}  // namespace burrow::image

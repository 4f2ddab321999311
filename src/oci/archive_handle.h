// Libarchive over a ByteSource. Private to this module.
#pragma once

#include <archive.h>

#include <memory>
#include <optional>

#include "oci/byte_source.h"

namespace burrow::oci {

// A reader of libarchive and what its callbacks work on. One thread; does not move.
class ArchiveHandle {
 public:
  // The source outlives the handle.
  explicit ArchiveHandle(ByteSource& source);
  ArchiveHandle(const ArchiveHandle&) = delete;
  ArchiveHandle& operator=(const ArchiveHandle&) = delete;
  ~ArchiveHandle();

  archive* get() const { return archive_; }
  // After formats and filters were chosen.
  Status Open();
  // The source's own error if there is one, else libarchive's words as kInvalidArgument.
  std::unexpected<Error> Failure(std::string_view what);

 private:
  static la_ssize_t Read(archive*, void* self, const void** bytes);
  static la_int64_t Skip(archive*, void* self, la_int64_t count);

  ByteSource& source_;
  archive* archive_;
  std::optional<Error> failure_;
};

}  // namespace burrow::oci

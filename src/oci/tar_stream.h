// The members of an uncompressed tar, in order. Private to this module.
#pragma once

#include <archive_entry.h>

#include <functional>

#include "oci/archive_handle.h"

namespace burrow::oci {

// One thread; does not move. The source outlives it.
class TarStream {
 public:
  explicit TarStream(ByteSource& source) : handle_(source) {}
  Status Open();

  // Goes to the next member; false at the end. kInvalidArgument where the tar is damaged or cut.
  Result<bool> Next();
  archive_entry* entry() const { return entry_; }
  uint64_t header_position() const;  // of the member, from the source's start
  uint64_t size() const;             // of its content
  // The member's content in pieces, holes as zeros: exactly size() bytes.
  Status ReadContent(const std::function<Status(std::string_view)>& sink);
  // Some of the content; empty at its end. Not to be mixed with ReadContent. Holes are not filled.
  Result<std::string_view> NextContent();

 private:
  ArchiveHandle handle_;
  archive_entry* entry_ = nullptr;
};

}  // namespace burrow::oci

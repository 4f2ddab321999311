// Hard links to the files of a blob directory in a second directory of the same layout. An overlay that has this
// directory as its first data layer opens a linked blob without asking anybody.
#pragma once

#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "cas/digest.h"

namespace burrow::cas {

// Any thread; several processes may use one directory.
class LinkedBlobs {
 public:
  // Makes `linked` (0700) where it is missing; both must be on one filesystem.
  static Result<LinkedBlobs> Open(const std::string& blobs, const std::string& linked);

  // Links a blob that is there; a link that exists is no error. True: it is linked. False: the filesystem allows no
  // further link or is full, so the blob must be found in the blob directory itself. kNotFound: there is no such blob.
  Result<bool> Link(const Digest& digest) const;
  // Not there: no error.
  Status Unlink(const Digest& digest) const;
  // Gives a file without a name (O_TMPFILE, of the same filesystem) the name of its blob. There already: no error.
  Status Add(const Digest& digest, int fd) const;
  // Removes a blob and first its link, since overlays look no further than a link that they find. Not there: no error.
  Status Remove(const Digest& digest) const;

 private:
  LinkedBlobs(UniqueFd blobs, UniqueFd linked) : blobs_(std::move(blobs)), linked_(std::move(linked)) {}
  UniqueFd blobs_, linked_;
};

}  // namespace burrow::cas

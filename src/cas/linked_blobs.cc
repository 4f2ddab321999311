#include "cas/linked_blobs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/faults.h"
#include "cas/blob_path.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

// EMLINK: the filesystem's limit for one file. The others: no room for a directory entry.
bool MayGoWithoutLink(int os_errno) { return os_errno == EMLINK || os_errno == ENOSPC || os_errno == EDQUOT; }

}  // namespace

Result<LinkedBlobs> LinkedBlobs::Open(const std::string& blobs, const std::string& linked) {
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(linked, 0700));
  BURROW_ASSIGN_OR_RETURN(UniqueFd from, os::Open(blobs, O_RDONLY | O_DIRECTORY));
  BURROW_ASSIGN_OR_RETURN(UniqueFd to, os::Open(linked, O_RDONLY | O_DIRECTORY));
  return LinkedBlobs(std::move(from), std::move(to));
}

Result<bool> LinkedBlobs::Link(const Digest& digest) const {
  std::string path = BlobPath(digest);
  for (bool made_directory = false;; made_directory = true) {
    if (::linkat(blobs_.get(), path.c_str(), linked_.get(), path.c_str(), 0) == 0 || errno == EEXIST) return true;
    if (MayGoWithoutLink(errno)) return false;
    if (errno != ENOENT) return FailErrno("link blob " + digest.Hex());
    // Either the blob or the directory of the link is absent.
    if (made_directory) return Fail(Code::kNotFound, "there is no blob {}", digest.Hex());
    if (::mkdirat(linked_.get(), path.substr(0, 2).c_str(), 0700) != 0 && errno != EEXIST) {
      if (MayGoWithoutLink(errno)) return false;
      return FailErrno("make a directory for links of blobs");
    }
  }
}

Status LinkedBlobs::Unlink(const Digest& digest) const {
  if (::unlinkat(linked_.get(), BlobPath(digest).c_str(), 0) != 0 && errno != ENOENT) {
    return FailErrno("remove the link of blob " + digest.Hex());
  }
  return {};
}

Status LinkedBlobs::Add(const Digest& digest, int fd) const {
  std::string path = BlobPath(digest), file = fmt::format("/proc/self/fd/{}", fd);
  ::mkdirat(blobs_.get(), path.substr(0, 2).c_str(), 0700);  // where it fails, so does what follows
  if (::linkat(AT_FDCWD, file.c_str(), blobs_.get(), path.c_str(), AT_SYMLINK_FOLLOW) == 0 || errno == EEXIST)
    return {};
  return FailErrno("name blob " + digest.Hex());
}

Status LinkedBlobs::Remove(const Digest& digest) const {
  BURROW_RETURN_IF_ERROR(Unlink(digest));
  BURROW_RETURN_IF_ERROR(FaultPoint("cas.remove.between_unlinks"));
  if (::unlinkat(blobs_.get(), BlobPath(digest).c_str(), 0) != 0 && errno != ENOENT) {
    return FailErrno("remove blob " + digest.Hex());
  }
  return {};
}

}  // namespace burrow::cas

#include "builder/bind_source.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "cas/digest.h"
#include "os/fs.h"

namespace burrow::builder {
namespace {

Result<os::Mount> MountTree(const os::OverlayLower& lower, const std::string& directory, bool read_write) {
  const std::string target = directory + "/image";
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(target));
  os::OverlayOptions overlay{.lower = lower};
  if (read_write) {
    overlay.upper = directory + "/upper";
    overlay.work = directory + "/work";
    BURROW_RETURN_IF_ERROR(os::MakeDirectories(overlay.upper));
    BURROW_RETURN_IF_ERROR(os::MakeDirectories(overlay.work));
  }
  return os::MountOverlay(overlay, target);
}

Result<UniqueFd> FindInside(const std::string& tree, const std::string& path) {
  BURROW_ASSIGN_OR_RETURN(auto root, os::Open(tree, O_PATH | O_DIRECTORY));
  auto found = os::OpenInRoot(root.get(), path.empty() ? "/" : path, O_PATH);
  if (!found && found.error().code() == Code::kNotFound)
    return Fail(Code::kNotFound, "there is no '{}' in the image that is to be mounted", path);
  return found;
}

}  // namespace

Result<BindSource> BindSource::Mount(imagefs::ImageProvider& images, const burrow::link::v1::Image& image,
                                     const std::string& path, const std::string& directory, bool read_write) {
  auto digest = cas::Digest::FromHex(image.index_digest());
  if (!digest) return Fail(Code::kInvalidArgument, "a mount of '{}' names no image", path);
  BindSource source;
  BURROW_ASSIGN_OR_RETURN(source.lease_, images.Acquire(*digest));
  BURROW_ASSIGN_OR_RETURN(source.tree_, MountTree(source.lease_.lower(), directory, read_write));
  BURROW_ASSIGN_OR_RETURN(auto found, FindInside(source.tree_.target(), path));
  struct stat info{};
  if (::fstat(found.get(), &info) != 0) return FailErrno("look at " + path);
  if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))
    return Fail(Code::kInvalidArgument, "'{}' can not be mounted: it is neither a directory nor a regular file", path);
  source.is_directory_ = S_ISDIR(info.st_mode);
  const std::string place = directory + "/place";
  if (source.is_directory_) {
    BURROW_RETURN_IF_ERROR(os::MakeDirectories(place));
  } else {
    BURROW_RETURN_IF_ERROR(os::Open(place, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW));
  }
  // By descriptor: what was found is what is mounted.
  BURROW_ASSIGN_OR_RETURN(source.place_,
                          os::BindMount(fmt::format("/proc/self/fd/{}", found.get()), place, !read_write));
  return source;
}

}  // namespace burrow::builder

#include "runtime/skeleton.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "os/attributes.h"
#include "os/fs.h"

namespace burrow::runtime {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel

// The link's text; empty where the path is no link. `path` has no links before its last part.
std::string ReadLinkInside(int root, const std::string& path) {
  const auto link = os::OpenInRoot(root, path, O_PATH | O_NOFOLLOW);
  if (!link) return {};
  char text[PATH_MAX];
  const ssize_t size = readlinkat(link->get(), "", text, sizeof text);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : std::string();
}

// The parts of a path, the last one first.
std::vector<std::string> PartsBackwards(const std::string& path) {
  std::vector<std::string> parts;
  for (const auto& part : std::filesystem::path(path).relative_path()) parts.push_back(part.string());
  std::ranges::reverse(parts);
  return parts;
}

// Where the path leads when links are read inside the image: from its root, without links and "..".
std::string FollowInside(int root, const std::string& path) {
  std::filesystem::path at = "/";
  std::vector<std::string> rest = PartsBackwards(path);
  for (int links = 0; !rest.empty();) {
    const std::string part = std::move(rest.back());
    rest.pop_back();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      at = at.parent_path();
      continue;
    }
    const std::string text = links < kMaxLinks ? ReadLinkInside(root, (at / part).string()) : std::string();
    if (text.empty()) {
      at /= part;
      continue;
    }
    ++links;
    if (text.starts_with('/')) at = "/";
    for (auto& next : PartsBackwards(text)) rest.push_back(std::move(next));
  }
  return at.string();
}

Status MakeFile(const std::string& path) {
  if (auto file = os::Open(path, O_WRONLY | O_CREAT | O_NOFOLLOW); !file) return Forward(std::move(file.error()));
  return {};
}

// A directory that the image has, and its place in the skeleton.
struct Shared {
  UniqueFd image;
  std::string skeleton;
};

// The skeleton lies above the image, so what is in both must look as it does in the image.
Status CopyAttributes(const Shared& shared) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd from, os::Open(fmt::format("/proc/self/fd/{}", shared.image.get()), O_DIRECTORY));
  BURROW_ASSIGN_OR_RETURN(UniqueFd to, os::Open(shared.skeleton, O_DIRECTORY));
  return os::CopyDirectoryAttributes(from.get(), to.get());
}

// Makes nothing for a path that the image has, nor below a file or link of the image, which must not be hidden.
Status MakeTarget(const std::string& skeleton, int root, const MountPoint& point) {
  std::vector<Shared> above;
  std::string made = skeleton;
  int at = root;
  for (const auto& part : std::filesystem::path(point.target).relative_path()) {
    made += "/" + part.string();
    UniqueFd next(openat(at, part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid() && errno == ENOENT) break;
    if (!next.valid()) return {};
    above.push_back({std::move(next), made});
    at = above.back().image.get();
  }
  const std::string target = skeleton + point.target;
  if (!above.empty() && above.back().skeleton == target) return {};
  BURROW_RETURN_IF_ERROR(
      os::MakeDirectories(point.directory ? target : std::filesystem::path(target).parent_path().string()));
  if (!point.directory) BURROW_RETURN_IF_ERROR(MakeFile(target));
  if (point.directory && chmod(target.c_str(), point.mode) != 0) return FailErrno("set the mode of a mount target");
  for (const Shared& shared : above) BURROW_RETURN_IF_ERROR(CopyAttributes(shared));
  return {};
}

}  // namespace

Status MakeSkeleton(const std::string& skeleton, const std::string& lower, const std::vector<MountPoint>& points) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd root, os::Open(lower, O_PATH | O_DIRECTORY));
  for (const char* name : {"/proc", "/dev", "/sys"}) {
    BURROW_RETURN_IF_ERROR(MakeTarget(skeleton, root.get(), {.target = name}));
  }
  for (MountPoint point : points) {
    point.target = FollowInside(root.get(), point.target);
    BURROW_RETURN_IF_ERROR(MakeTarget(skeleton, root.get(), point));
  }
  return {};
}

}  // namespace burrow::runtime

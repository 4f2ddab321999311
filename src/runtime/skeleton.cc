#include "runtime/skeleton.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "os/attributes.h"
#include "os/fs.h"

namespace burrow::runtime {
namespace {

constexpr int kMaxLinks = 16;

// The link's text; empty where the path is no link.
std::string ReadLinkInside(int root, const std::string& path) {
  const auto link = os::OpenInRoot(root, path, O_PATH | O_NOFOLLOW);
  if (!link) return {};
  char text[PATH_MAX];
  const ssize_t size = readlinkat(link->get(), "", text, sizeof text);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : std::string();
}

// Where the last component's links lead, as a path from the image's root without "..".
std::string FollowInside(int root, std::string path) {
  for (int links = 0; links < kMaxLinks; ++links) {
    const std::string text = ReadLinkInside(root, path);
    if (text.empty()) break;
    path = (std::filesystem::path(path).parent_path() / text).lexically_normal().string();
  }
  return std::filesystem::path(path).lexically_normal().string();
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
Status MakeTarget(const std::string& skeleton, int root, const std::string& path, bool directory) {
  std::vector<Shared> above;
  std::string made = skeleton;
  int at = root;
  for (const auto& part : std::filesystem::path(path).relative_path()) {
    made += "/" + part.string();
    UniqueFd next(openat(at, part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid() && errno == ENOENT) break;
    if (!next.valid()) return {};
    above.push_back({std::move(next), made});
    at = above.back().image.get();
  }
  const std::string target = skeleton + path;
  if (!above.empty() && above.back().skeleton == target) return {};
  BURROW_RETURN_IF_ERROR(
      os::MakeDirectories(directory ? target : std::filesystem::path(target).parent_path().string()));
  if (!directory) BURROW_RETURN_IF_ERROR(MakeFile(target));
  for (const Shared& shared : above) BURROW_RETURN_IF_ERROR(CopyAttributes(shared));
  return {};
}

}  // namespace

Status MakeSkeleton(const std::string& skeleton, const std::string& lower, const std::vector<Bind>& binds) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd root, os::Open(lower, O_PATH | O_DIRECTORY));
  for (const char* name : {"/proc", "/dev", "/sys"}) {
    BURROW_RETURN_IF_ERROR(MakeTarget(skeleton, root.get(), name, true));
  }
  for (const Bind& bind : binds) {
    struct stat source{};
    if (stat(bind.source.c_str(), &source) != 0) return FailErrno(fmt::format("mount {}", bind.source));
    BURROW_RETURN_IF_ERROR(
        MakeTarget(skeleton, root.get(), FollowInside(root.get(), bind.target), S_ISDIR(source.st_mode)));
  }
  return {};
}

}  // namespace burrow::runtime

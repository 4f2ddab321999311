#include "runtime/skeleton.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

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

Status MakeTarget(const std::string& path, bool directory) {
  if (directory) return os::MakeDirectories(path);
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(std::filesystem::path(path).parent_path().string()));
  if (auto file = os::Open(path, O_WRONLY | O_CREAT | O_NOFOLLOW); !file) return Forward(std::move(file.error()));
  return {};
}

}  // namespace

Status MakeSkeleton(const std::string& skeleton, const std::string& lower, const std::vector<Bind>& binds) {
  for (const char* name : {"/proc", "/dev", "/sys"}) BURROW_RETURN_IF_ERROR(os::MakeDirectories(skeleton + name));
  BURROW_ASSIGN_OR_RETURN(UniqueFd root, os::Open(lower, O_PATH | O_DIRECTORY));
  for (const Bind& bind : binds) {
    struct stat source{};
    if (stat(bind.source.c_str(), &source) != 0) return FailErrno(fmt::format("mount {}", bind.source));
    BURROW_RETURN_IF_ERROR(MakeTarget(skeleton + FollowInside(root.get(), bind.target), S_ISDIR(source.st_mode)));
  }
  return {};
}

}  // namespace burrow::runtime

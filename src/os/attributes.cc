#include "os/attributes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <string_view>

#include "os/fs.h"

namespace burrow::os {
namespace {

constexpr size_t kLargestAttribute = 64u << 10;  // of the kernel, for a value and for the list of names
constexpr std::string_view kOverlays = "trusted.overlay.";

Status CopyAttribute(int from, int to, const char* name) {
  std::string value(kLargestAttribute, '\0');
  const ssize_t size = fgetxattr(from, name, value.data(), value.size());
  if (size < 0) return FailErrno(fmt::format("read the attribute {}", name));
  if (fsetxattr(to, name, value.data(), static_cast<size_t>(size), 0) == 0) return {};
  if (errno == ENOTSUP || errno == EPERM || errno == EINVAL) return {};
  return FailErrno(fmt::format("set the attribute {}", name));
}

Status CopyAttributes(int from, int to) {
  const ssize_t needed = flistxattr(from, nullptr, 0);
  if (needed == 0 || (needed < 0 && errno == ENOTSUP)) return {};
  std::string names(kLargestAttribute, '\0');
  const ssize_t size = flistxattr(from, names.data(), names.size());
  if (size < 0) return FailErrno("list attributes");
  for (const char* name = names.data(); name < names.data() + size; name += std::string_view(name).size() + 1) {
    if (!std::string_view(name).starts_with(kOverlays)) BURROW_RETURN_IF_ERROR(CopyAttribute(from, to, name));
  }
  return {};
}

}  // namespace

Status CopyDirectoryAttributes(int from, int to) {
  struct stat st{};
  if (fstat(from, &st) != 0) return FailErrno("stat a directory");
  if (fchown(to, st.st_uid, st.st_gid) != 0) return FailErrno("change the owner of a directory");
  BURROW_RETURN_IF_ERROR(CopyAttributes(from, to));
  if (fchmod(to, st.st_mode & 07777) != 0) return FailErrno("change the mode of a directory");
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, st.st_mtim};
  if (futimens(to, times) != 0) return FailErrno("date a directory");
  return {};
}

Status CopyDirectoryAttributes(const std::string& from, const std::string& to) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd source, Open(from, O_RDONLY | O_DIRECTORY));
  BURROW_ASSIGN_OR_RETURN(UniqueFd target, Open(to, O_RDONLY | O_DIRECTORY));
  return CopyDirectoryAttributes(source.get(), target.get());
}

}  // namespace burrow::os

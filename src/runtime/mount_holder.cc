#include "runtime/mount_holder.h"

#include <fmt/format.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>

#include "base/paths.h"
#include "os/fs.h"

namespace burrow::runtime {
namespace {

constexpr uint64_t kMaxProcText = 4u << 20;
constexpr size_t kMaxShownPath = 300;

// What a process's own files say may hold any byte.
std::string Shown(std::string_view text) {
  std::string shown(text.substr(0, kMaxShownPath));
  std::ranges::replace_if(shown, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return shown;
}

std::string ReadProc(const std::string& path) { return os::ReadFile(path, kMaxProcText).value_or(""); }

std::string ReadProcLink(const std::string& path) {
  char text[PATH_MAX];
  const ssize_t size = ::readlink(path.c_str(), text, sizeof text);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : std::string();
}

std::string FindOpenFile(const std::string& process, const os::MountEntry& mount) {
  const std::string wanted = fmt::format("mnt_id:\t{}\n", mount.id);
  std::error_code error;
  for (std::filesystem::directory_iterator info(process + "/fdinfo", error), end; !error && info != end;
       info.increment(error)) {
    if (!ReadProc(info->path().string()).contains(wanted)) continue;
    return Shown(ReadProcLink(process + "/fd/" + info->path().filename().string())) + " open";
  }
  return {};
}

std::string FindMapping(const std::string& process, const os::MountEntry& mount) {
  const std::string maps = ReadProc(process + "/maps");
  for (size_t start = 0; start < maps.size();) {
    const size_t end = std::min(maps.find('\n', start), maps.size());
    const std::string_view line = std::string_view(maps).substr(start, end - start);
    const size_t path = line.find('/');
    if (path != line.npos && IsAtOrBelow(line.substr(path), mount.point)) return Shown(line.substr(path)) + " mapped";
    start = end + 1;
  }
  return {};
}

std::string FindUse(const std::string& process, const os::MountEntry& mount) {
  if (std::string open = FindOpenFile(process, mount); !open.empty()) return open;
  const std::string directory = ReadProcLink(process + "/cwd");
  if (IsAtOrBelow(directory, mount.point)) return Shown(directory) + " as its working directory";
  return FindMapping(process, mount);
}

}  // namespace

std::string FindHolder(const ContainerMounts& mounts, const os::MountEntry& mount) {
  std::set<std::string> processes;
  for (const std::string& file : mounts.cgroup_procs) {
    const std::string text = ReadProc(file);
    for (size_t start = 0; start < text.size();) {
      const size_t end = std::min(text.find('\n', start), text.size());
      processes.insert(text.substr(start, end - start));
      start = end + 1;
    }
  }
  for (const std::string& number : processes) {
    const std::string process = "/proc/" + number;
    const std::string use = FindUse(process, mount);
    if (use.empty()) continue;
    std::string name = Shown(ReadProc(process + "/comm"));
    if (name.ends_with('?')) name.pop_back();  // the newline
    return fmt::format("{} has {}", name, use);
  }
  return {};
}

}  // namespace burrow::runtime

#include "imagefs/killed_holder.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>
#include <filesystem>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include "base/log.h"
#include "os/cgroup_files.h"
#include "os/fs.h"
#include "os/mount.h"
#include "os/mountinfo.h"

namespace burrow::imagefs {
namespace {

constexpr uint64_t kKillBit = uint64_t{1} << (SIGKILL - 1);
constexpr std::chrono::milliseconds kLockPoll{20};

// By /proc/locks: "1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF".
Result<std::optional<std::string>> HolderOf(const std::string& lock_file) {
  struct stat st;
  if (::stat(lock_file.c_str(), &st) != 0) return FailErrno("stat " + lock_file);
  BURROW_ASSIGN_OR_RETURN(std::string text, os::ReadFile("/proc/locks"));
  const std::string place = fmt::format("{:02x}:{:02x}:{}", major(st.st_dev), minor(st.st_dev), st.st_ino);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string number, kind, mode, access, pid, where;
    words >> number >> kind >> mode >> access >> pid >> where;
    if (kind == "FLOCK" && where == place) return pid;
  }
  return std::nullopt;
}

// Its first thread may have ended already.
bool IsKilled(const std::string& pid) {
  std::istringstream lines(os::ReadFile(fmt::format("/proc/{}/status", pid)).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("State:\tZ")) return true;
    if (!line.starts_with("ShdPnd:\t")) continue;
    uint64_t pending = 0;
    const std::string_view digits = std::string_view(line).substr(8);
    std::from_chars(digits.begin(), digits.end(), pending, 16);
    return (pending & kKillBit) != 0;
  }
  return false;
}

// The numbers of the connections, as the kernel's control filesystem calls them.
std::vector<std::string> ConnectionsOf(const std::string& pid, const std::string& directory) {
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), error)) {
    std::vector<std::string> numbers;
    auto table = os::ReadFile(thread.path() / "mountinfo");  // of a thread that has ended there is none
    for (const auto& mount : os::ParseMountinfo(table.value_or(""))) {
      if (mount.type == "fuse.burrow" && mount.point.starts_with(directory + "/"))
        numbers.push_back(mount.device.substr(mount.device.find(':') + 1));
    }
    if (!numbers.empty()) return numbers;
  }
  return {};
}

Status Abort(const std::vector<std::string>& connections) {
  std::string directory = std::filesystem::temp_directory_path() / "burrow-fusectl-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return FailErrno("make a directory to mount on");
  struct Remove {
    const std::string& path;
    ~Remove() { ::rmdir(path.c_str()); }
  } remove{directory};
  if (::mount("none", directory.c_str(), "fusectl", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    return FailErrno("mount the control filesystem of FUSE");
  os::Mount mounted(directory);
  for (const std::string& number : connections) {
    Status aborted = os::WriteControlFile(fmt::format("{}/{}/abort", directory, number), "1");
    // The process may have ended since it was looked at.
    if (!aborted && aborted.error().os_errno() != ENOENT) return aborted;
  }
  return {};
}

}  // namespace

Result<LockHolder> ReleaseKilledHolder(const std::string& lock_file, const std::string& directory) {
  BURROW_ASSIGN_OR_RETURN(auto holder, HolderOf(lock_file));
  if (!holder) return LockHolder::kNone;
  if (!IsKilled(*holder)) return LockHolder::kAlive;
  const auto connections = ConnectionsOf(*holder, directory);
  if (!connections.empty()) BURROW_RETURN_IF_ERROR(Abort(connections));
  return LockHolder::kKilled;
}

Result<UniqueFd> AwaitLock(const std::string& lock_file, const std::string& directory, const LockPatience& patience) {
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    auto lock = os::LockFile(lock_file);
    if (lock || lock.error().code() != Code::kFailedPrecondition) return lock;
    auto holder = ReleaseKilledHolder(lock_file, directory);
    if (!holder) LogWarn("{}", holder.error().message());
    const auto most = holder.value_or(LockHolder::kAlive) == LockHolder::kAlive ? patience.alive : patience.killed;
    if (std::chrono::steady_clock::now() - begin > most) return lock;
    std::this_thread::sleep_for(kLockPoll);
  }
}

}  // namespace burrow::imagefs

#include "os/cgroup.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <thread>

#include "base/ascii.h"
#include "base/unique_fd.h"
#include "os/fs.h"
#include "os/mountinfo.h"

namespace burrow::os {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kRemoveDeadline{5000};
constexpr milliseconds kFirstRetry{1}, kLongestRetry{20};

std::vector<pid_t> ProcessesIn(const std::string& directory) {
  std::vector<pid_t> pids;
  const auto text = ReadFile(directory + "/cgroup.procs");
  if (!text) return pids;
  const char* at = text->data();
  const char* end = at + text->size();
  for (pid_t pid = 0; at < end; ++at) {
    const auto [next, error] = std::from_chars(at, end, pid);
    // 0 is a process of another pid namespace, which must never become kill(0).
    if (error == std::errc() && pid > 0) pids.push_back(pid);
    at = next;
  }
  return pids;
}

int MillisecondsUntil(Clock::time_point deadline) {
  return static_cast<int>(std::max<int64_t>(0, std::chrono::ceil<milliseconds>(deadline - Clock::now()).count()));
}

// Kills each process of one directory and waits for the ends of those that were there. False: there were none.
bool KillOnce(const std::string& directory, Clock::time_point deadline) {
  std::vector<UniqueFd> pidfds;
  const std::vector<pid_t> pids = ProcessesIn(directory);
  for (pid_t pid : pids) {
    UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd.valid()) continue;
    syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
    pidfds.push_back(std::move(pidfd));
  }
  for (const UniqueFd& pidfd : pidfds) {
    pollfd fd{pidfd.get(), POLLIN, 0};
    while (poll(&fd, 1, MillisecondsUntil(deadline)) < 0 && errno == EINTR) {
    }
  }
  return !pids.empty();
}

Status KillDirectory(const std::string& directory, Clock::time_point deadline) {
  (void)WriteControlFile(directory + "/cgroup.kill", "1");  // v2 since Linux 5.14
  auto retry = kFirstRetry;
  while (KillOnce(directory, deadline)) {
    if (Clock::now() >= deadline) return Fail(Code::kDeadlineExceeded, "processes in {} do not die", directory);
    // Ended, but for an instant still listed.
    if (!ProcessesIn(directory).empty())
      std::this_thread::sleep_for(std::exchange(retry, std::min(retry * 2, kLongestRetry)));
  }
  return {};
}

// A group can be busy for some milliseconds after its last process has ended.
Status RemoveDirectory(const std::string& directory, Clock::time_point deadline) {
  for (auto retry = kFirstRetry;; retry = std::min(retry * 2, kLongestRetry)) {
    if (rmdir(directory.c_str()) == 0 || errno == ENOENT) return {};
    if (errno != EBUSY || Clock::now() >= deadline) return FailErrno(fmt::format("remove cgroup {}", directory));
    std::this_thread::sleep_for(retry);
  }
}

std::vector<std::string> Subdirectories(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->is_directory(error)) names.push_back(entry->path().filename().string());
  }
  return names;
}

// What is below goes first.
Status RemoveCgroupTree(const std::string& directory, Clock::time_point deadline) {
  if (access(directory.c_str(), F_OK) != 0) return {};
  for (const std::string& name : Subdirectories(directory)) {
    BURROW_RETURN_IF_ERROR(RemoveCgroupTree(fmt::format("{}/{}", directory, name), deadline));
  }
  BURROW_RETURN_IF_ERROR(KillDirectory(directory, deadline));
  return RemoveDirectory(directory, deadline);
}

// Lets a v2 group hand its controllers to its children.
Status DelegateControllers(const std::string& directory) {
  Status status = WriteControlFile(directory + "/cgroup.subtree_control", "+cpu +memory +pids");
  if (status) return {};
  if (status.error().os_errno() != EBUSY) return status;
  return Fail(
      Code::kFailedPrecondition,
      "cgroup {} has processes of its own and cannot hand on controllers: start burrowd outside of a container, or "
      "with the host's cgroup namespace",
      directory);
}

Status CheckName(const std::string& name) {
  const bool fine = !name.empty() && name.size() <= 128 && name[0] != '.' && std::ranges::all_of(name, [](char c) {
    return IsLetterOrDigit(c) || c == '-' || c == '_' || c == '.';
  });
  if (fine) return {};
  return Fail(Code::kInvalidArgument, "\"{}\" cannot be the name of a cgroup", name);
}

std::vector<std::string> ProcsFiles(const CgroupFiles& files) {
  std::vector<std::string> paths;
  // On v1 a thread that moves itself through "tasks" spares the kernel a lock over all processes (milliseconds).
  for (const std::string& directory : files.Directories())
    paths.push_back(directory + (files.unified ? "/cgroup.procs" : "/tasks"));
  return paths;
}

}  // namespace

Cgroup::Cgroup(Cgroup&& other) noexcept { *this = std::move(other); }

Cgroup& Cgroup::operator=(Cgroup&& other) noexcept {
  std::swap(files_, other.files_);
  std::swap(directories_, other.directories_);
  std::swap(path_, other.path_);
  std::swap(procs_files_, other.procs_files_);
  return *this;
}

Cgroup::~Cgroup() { (void)Remove(); }

Status Cgroup::SetLimits(const CgroupLimits& limits) { return WriteCgroupLimits(files_, limits); }

CgroupUsage Cgroup::Usage() const { return ReadCgroupUsage(files_); }

Status Cgroup::Kill(milliseconds deadline) {
  const auto end = Clock::now() + deadline;
  for (const std::string& directory : files_.Directories()) BURROW_RETURN_IF_ERROR(KillDirectory(directory, end));
  return {};
}

Status Cgroup::Remove() {
  const auto end = Clock::now() + kRemoveDeadline;
  Status result;
  for (const std::string& directory : std::exchange(directories_, {})) {
    if (Status status = RemoveCgroupTree(directory, end); !status) result = std::move(status);
  }
  return result;
}

Result<CgroupRoot> CgroupRoot::Open(const std::string& name) {
  BURROW_RETURN_IF_ERROR(CheckName(name));
  BURROW_ASSIGN_OR_RETURN(const auto mounts, ReadMountinfo());
  const auto unified = std::ranges::find(mounts, "cgroup2", &MountEntry::type);
  const auto controllers = unified == mounts.end() ? "" : ReadFile(unified->point + "/cgroup.controllers").value_or("");
  BURROW_ASSIGN_OR_RETURN(const CgroupHierarchies found, FindCgroupHierarchies(mounts, controllers));

  CgroupRoot root;
  root.path_ = "/burrow-" + name;
  root.files_ = found.tops.Child("burrow-" + name);
  for (const std::string& top : found.all) root.directories_.push_back(top + root.path_);
  if (found.tops.unified) BURROW_RETURN_IF_ERROR(DelegateControllers(found.tops.cpu));
  for (const std::string& directory : root.files_.Directories()) BURROW_RETURN_IF_ERROR(MakeDirectories(directory));
  if (found.tops.unified) BURROW_RETURN_IF_ERROR(DelegateControllers(root.files_.cpu));
  return root;
}

Result<Cgroup> CgroupRoot::Create(const std::string& child, const CgroupLimits& limits) {
  BURROW_RETURN_IF_ERROR(CheckName(child));
  Cgroup cgroup;
  cgroup.files_ = files_.Child(child);
  cgroup.path_ = path_ + "/" + child;
  for (const std::string& directory : cgroup.files_.Directories()) {
    if (mkdir(directory.c_str(), 0755) != 0) return FailErrno(fmt::format("make cgroup {}", directory));
    cgroup.directories_.push_back(directory);
  }
  for (const std::string& directory : directories_) {
    const std::string path = fmt::format("{}/{}", directory, child);
    if (std::ranges::find(cgroup.directories_, path) == cgroup.directories_.end()) cgroup.directories_.push_back(path);
  }
  cgroup.procs_files_ = ProcsFiles(cgroup.files_);
  BURROW_RETURN_IF_ERROR(cgroup.SetLimits(limits));
  return cgroup;
}

Status CgroupRoot::RemoveAll(bool self) {
  const auto end = Clock::now() + kRemoveDeadline;
  Status result;
  for (const std::string& directory : directories_) {
    for (const std::string& name : Subdirectories(directory)) {
      if (Status status = RemoveCgroupTree(fmt::format("{}/{}", directory, name), end); !status)
        result = std::move(status);
    }
    if (!self) continue;
    if (Status status = RemoveDirectory(directory, end); !status) result = std::move(status);
  }
  return result;
}

}  // namespace burrow::os

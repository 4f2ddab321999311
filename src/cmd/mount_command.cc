// `burrowd mount`: one image as a root filesystem, mounted until a signal or the end of stdin.
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>

#include "base/log.h"
#include "base/unique_fd.h"
#include "cmd/options.h"
#include "imagefs/supervisor.h"
#include "os/attributes.h"
#include "os/fs.h"
#include "os/overlay.h"

namespace burrow::cmd {
namespace {

// Blocked in every thread that starts later.
Result<UniqueFd> BlockSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM}) sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC));
  if (!signals.valid()) return FailErrno("signalfd");
  return signals;
}

Status AwaitEnd(const UniqueFd& signals) {
  for (;;) {
    pollfd waiting[2] = {{signals.get(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return FailErrno("poll");
    }
    if (waiting[0].revents) return {};
    char dropped[4096];
    if (waiting[1].revents && ::read(STDIN_FILENO, dropped, sizeof dropped) <= 0) return {};
  }
}

Result<std::string> EmptyDirectory(const std::string& path) {
  BURROW_RETURN_IF_ERROR(os::RemoveTree(path));
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(path));
  return path;
}

Result<imagefs::SupervisorOptions> ImageOptions(const MountCommand& command, const std::string& state) {
  BURROW_ASSIGN_OR_RETURN(auto tier, imagefs::ParseTierChoice(command.image_fs));
  BURROW_ASSIGN_OR_RETURN(std::string token, os::ReadFile(command.token_file, 4096));
  return imagefs::SupervisorOptions{.burrowd = SelfPath(),
                                    .state_directory = state + "/imagefs",
                                    .cache_directory = state + "/cache",
                                    .blob_url = command.control_url,
                                    .token = token.substr(0, token.find_first_of(" \r\n")),
                                    .tier = tier,
                                    .fetch_deadline = std::chrono::milliseconds(command.fetch_deadline)};
}

Result<os::Mount> MountImage(const MountCommand& command, const std::string& state, const imagefs::ImageLease& image) {
  os::OverlayOptions overlay{.lower = image.lower()};
  if (!command.read_only) {
    BURROW_ASSIGN_OR_RETURN(overlay.upper, EmptyDirectory(state + "/upper"));
    BURROW_ASSIGN_OR_RETURN(overlay.work, EmptyDirectory(state + "/work"));
    BURROW_RETURN_IF_ERROR(os::CopyDirectoryAttributes(image.lower().directories.front(), overlay.upper));
  }
  return os::MountOverlay(overlay, command.target);
}

Status Run(const MountCommand& command) {
  BURROW_RETURN_IF_ERROR(CheckHost());
  auto digest = cas::Digest::FromHex(command.index_digest);
  if (!digest) return Fail(Code::kInvalidArgument, "'{}' is no digest of an index", command.index_digest);
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(command.common.state_directory, 0700));
  std::string state = std::filesystem::canonical(command.common.state_directory);
  BURROW_ASSIGN_OR_RETURN(UniqueFd lock, os::LockFile(state + "/mount.lock"));
  BURROW_ASSIGN_OR_RETURN(UniqueFd signals, BlockSignals());
  BURROW_ASSIGN_OR_RETURN(auto options, ImageOptions(command, state));
  BURROW_ASSIGN_OR_RETURN(auto images, imagefs::Supervisor::Start(std::move(options)));
  BURROW_ASSIGN_OR_RETURN(auto image, images->Acquire(*digest));
  BURROW_ASSIGN_OR_RETURN(auto mount, MountImage(command, state, image));
  fmt::print("mounted {}\n", command.target);
  std::fflush(stdout);
  BURROW_RETURN_IF_ERROR(AwaitEnd(signals));
  return mount.Unmount();
}

}  // namespace

int RunMountCommand(const MountCommand& command) {
  InitLog("mount");
  Status status = Run(command);
  return status ? 0 : Complain(status.error());
}

}  // namespace burrow::cmd

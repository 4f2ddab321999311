// `burrowd mount`: one image as a root filesystem, mounted until a signal or the end of stdin. On stdin a line
// "counters" asks for one line of JSON, "record" for the file of --record, "again" for another mount with a new upper
// directory instead of this one; --hold ends with the first line that is not "counters".
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>

#include "base/log.h"
#include "base/unique_fd.h"
#include "cmd/mount_images.h"
#include "cmd/options.h"
#include "os/attributes.h"
#include "os/fs.h"
#include "os/overlay.h"

namespace burrow::cmd {
namespace {

constexpr uint64_t kHotSetLimit = 4u << 20;

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

void Say(std::string_view line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

// Lines of stdin until its end or a signal.
class Console {
 public:
  explicit Console(UniqueFd signals) : signals_(std::move(signals)) {}

  // False: the end.
  Result<bool> ReadLine(std::string& line) {
    for (;;) {
      if (size_t end = text_.find('\n'); end != std::string::npos) {
        line = text_.substr(0, end);
        text_.erase(0, end + 1);
        return true;
      }
      pollfd waiting[2] = {{signals_.get(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
      if (::poll(waiting, 2, -1) < 0 && errno != EINTR) return FailErrno("poll");
      if (waiting[0].revents) return false;
      char more[4096];
      ssize_t got = waiting[1].revents ? ::read(STDIN_FILENO, more, sizeof more) : 0;
      if (waiting[1].revents && got <= 0) return false;
      if (text_.size() > sizeof more) text_.clear();  // nobody we understand
      text_.append(more, static_cast<size_t>(got));
    }
  }

 private:
  UniqueFd signals_;
  std::string text_;
};

Result<std::string> EmptyDirectory(const std::string& path) {
  BURROW_RETURN_IF_ERROR(os::RemoveTree(path));
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(path));
  return path;
}

Result<MountImagesOptions> ImagesOptions(const MountCommand& command, const std::string& state) {
  BURROW_ASSIGN_OR_RETURN(auto tier, imagefs::ParseTierChoice(command.image_fs));
  BURROW_ASSIGN_OR_RETURN(std::string token, os::ReadFile(command.token_file, 4096));
  return MountImagesOptions{.state_directory = state,
                            .control_url = command.control_url,
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

Result<std::vector<cas::HotBlob>> ReadHotSet(const std::string& file) {
  if (file.empty()) return std::vector<cas::HotBlob>();
  BURROW_ASSIGN_OR_RETURN(std::string text, os::ReadFile(file, kHotSetLimit));
  return ParseHotSet(text);
}

Status WriteRecording(MountImages& images, const std::string& file) {
  BURROW_ASSIGN_OR_RETURN(auto blobs, images.FinishRecording());
  BURROW_RETURN_IF_ERROR(os::WriteFileAtomically(file, FormatHotSet(blobs)));
  Say("recorded");
  return {};
}

// One container's worth: a lease and the overlay over it, which goes first.
struct MountedImage {
  imagefs::ImageLease lease;
  os::Mount mount;
};

Result<MountedImage> MountOnce(const MountCommand& command, const std::string& state, MountImages& images,
                               const cas::Digest& digest) {
  MountedImage mounted;
  BURROW_ASSIGN_OR_RETURN(mounted.lease, images.Acquire(digest, !command.record_file.empty()));
  BURROW_ASSIGN_OR_RETURN(mounted.mount, MountImage(command, state, mounted.lease));
  Say("mounted " + command.target);
  return mounted;
}

Status Serve(Console& console, MountImages& images, const MountCommand& command, const std::string& state,
             const cas::Digest& digest) {
  BURROW_ASSIGN_OR_RETURN(MountedImage mounted, MountOnce(command, state, images, digest));
  std::string line;
  for (;;) {
    BURROW_ASSIGN_OR_RETURN(bool more, console.ReadLine(line));
    if (!more) return mounted.mount.Unmount();
    if (line == "counters") Say(images.Counters());
    if (line == "again") {
      BURROW_RETURN_IF_ERROR(mounted.mount.Unmount());
      mounted = {};
      BURROW_ASSIGN_OR_RETURN(mounted, MountOnce(command, state, images, digest));
    }
    if (line == "record" && !command.record_file.empty())
      BURROW_RETURN_IF_ERROR(WriteRecording(images, command.record_file));
  }
}

// False: the end has come before the mount.
Result<bool> Hold(Console& console, const MountImages& images) {
  Say("ready");
  for (std::string line;;) {
    BURROW_ASSIGN_OR_RETURN(bool more, console.ReadLine(line));
    if (!more || line != "counters") return more;
    Say(images.Counters());
  }
}

Status Run(const MountCommand& command) {
  BURROW_RETURN_IF_ERROR(CheckHost());
  auto digest = cas::Digest::FromHex(command.index_digest);
  if (!digest) return Fail(Code::kInvalidArgument, "'{}' is no digest of an index", command.index_digest);
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(command.common.state_directory, 0700));
  std::string state = std::filesystem::canonical(command.common.state_directory);
  BURROW_ASSIGN_OR_RETURN(UniqueFd lock, os::LockFile(state + "/mount.lock"));
  BURROW_ASSIGN_OR_RETURN(UniqueFd signals, BlockSignals());
  Console console(std::move(signals));
  BURROW_ASSIGN_OR_RETURN(auto hot_set, ReadHotSet(command.prefetch_file));
  BURROW_ASSIGN_OR_RETURN(auto options, ImagesOptions(command, state));
  BURROW_ASSIGN_OR_RETURN(auto images, MountImages::Start(std::move(options)));
  if (command.hold) {
    BURROW_ASSIGN_OR_RETURN(bool more, Hold(console, *images));
    if (!more) return {};
  }
  images->Prefetch(*digest, std::move(hot_set));
  return Serve(console, *images, command, state, *digest);
}

}  // namespace

int RunMountCommand(const MountCommand& command) {
  InitLog("mount");
  Status status = Run(command);
  return status ? 0 : Complain(status.error());
}

}  // namespace burrow::cmd

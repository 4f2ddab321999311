// `burrowd worker`: takes its join token from the parent or a file, and runs the worker.
#include <filesystem>

#include "base/log.h"
#include "cmd/handshake.h"
#include "cmd/options.h"
#include "os/fs.h"
#include "worker/worker.h"

namespace burrow::cmd {
namespace {

constexpr std::chrono::milliseconds kParentSpeaks{10'000};

Result<std::string> JoinToken(const WorkerCommand& command) {
  if (command.common.handshake_fd >= 0) {
    BURROW_ASSIGN_OR_RETURN(auto message, ReceiveLine(command.common.handshake_fd, kParentSpeaks));
    return message.at("token").get<std::string>();
  }
  if (command.token_file.empty()) {
    return Fail(Code::kInvalidArgument, "a worker needs its join token: pass --token-file with control's worker token");
  }
  BURROW_ASSIGN_OR_RETURN(std::string text, os::ReadFile(command.token_file, 4096));
  return text.substr(0, text.find_first_of(" \r\n"));
}

// The directory that holds the package `burrow`: beside the build in a checkout, under share/ when installed.
Result<std::string> SdkDirectory(const WorkerCommand& command) {
  auto binary = std::filesystem::path(SelfPath()).parent_path();
  std::vector<std::filesystem::path> places = {binary / "../../python", binary / "../share/burrow/python"};
  if (!command.sdk_directory.empty()) places = {command.sdk_directory};
  for (const auto& place : places) {
    std::error_code error;
    if (std::filesystem::exists(place / "burrow/__init__.py", error)) return std::filesystem::canonical(place).string();
  }
  return Fail(Code::kNotFound, "the Python package 'burrow' is not at {}: name its directory with --sdk-dir",
              places[0].string());
}

Status Run(const WorkerCommand& command) {
  BURROW_RETURN_IF_ERROR(CheckHost());
  worker::WorkerOptions options;
  BURROW_ASSIGN_OR_RETURN(options.token, JoinToken(command));
  BURROW_ASSIGN_OR_RETURN(options.sdk_directory, SdkDirectory(command));
  BURROW_ASSIGN_OR_RETURN(options.engine, runtime::ParseEngine(command.runtime));
  if (options.engine == runtime::Engine::kRunsc)
    return Fail(Code::kInvalidArgument, "runsc runs the functions that ask for it: --runtime takes crun or runc");
  options.cache_quota = command.cache_quota;
  BURROW_ASSIGN_OR_RETURN(options.image_tier, imagefs::ParseTierChoice(command.image_fs));
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(command.common.state_directory, 0700));
  options.state_directory = std::filesystem::canonical(command.common.state_directory);
  options.control_host = command.control.host;
  options.control_port = command.control.port;
  options.burrowd = SelfPath();
  options.on_ready = [fd = command.common.handshake_fd, told = false]() mutable {
    if (fd >= 0 && !std::exchange(told, true)) (void)SendLine(fd, {{"ready", true}});
  };
  options.takes_interrupts = command.common.handshake_fd < 0;
  return worker::RunWorker(options);
}

}  // namespace

int RunWorkerCommand(const WorkerCommand& command) {
  InitLog("worker");
  LeaveTerminalToParent(command.common.handshake_fd);
  Status status = Run(command);
  return status ? 0 : Refuse(command.common.handshake_fd, status.error());
}

}  // namespace burrow::cmd

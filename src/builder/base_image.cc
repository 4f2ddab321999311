#include "builder/base_image.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "builder/host_command.h"
#include "os/fs.h"
#include "os/process.h"

namespace burrow::builder {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kQueryDeadline{30'000};

const char* const kNoDocs[] = {"path-exclude=/usr/share/man/*",           "path-exclude=/usr/share/doc/*",
                               "path-include=/usr/share/doc/*/copyright", "path-exclude=/usr/share/info/*",
                               "path-exclude=/usr/share/locale/*",        "path-exclude=/usr/share/lintian/*",
                               "path-exclude=/usr/share/groff/*"};

Result<DebianSources> HostSources() {
  auto listed = os::Run({.argv = {"apt-get", "indextargets", "--format", kIndexTargetsFormat}}, kQueryDeadline);
  if (!listed)
    return Forward(std::move(listed.error())
                       .WithContext("ask apt for this machine's archives (the base image needs a Debian machine)"));
  if (!listed->status.Success()) return Fail(Code::kFailedPrecondition, "apt-get indextargets failed: {}", listed->out);
  return ParseIndexTargets(listed->out);
}

// What package scripts date their files by: the newest package list of the machine.
int64_t SourceDate() {
  int64_t newest = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/var/lib/apt/lists", error)) {
    struct stat info{};
    if (entry.path().native().ends_with("InRelease") && ::stat(entry.path().c_str(), &info) == 0)
      newest = std::max<int64_t>(newest, info.st_mtime);
  }
  return newest;
}

std::vector<std::string> BootstrapEnvironment(const std::string& directory) {
  return {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
          "HOME=/root",
          "LC_ALL=C.UTF-8",
          "DEBIAN_FRONTEND=noninteractive",
          "TMPDIR=" + directory + "/tmp",
          fmt::format("SOURCE_DATE_EPOCH={}", SourceDate())};
}

Status WriteInto(int root, const std::string& path, std::string_view content, unsigned mode) {
  BURROW_ASSIGN_OR_RETURN(auto file, os::OpenInRoot(root, path, O_WRONLY | O_CREAT | O_TRUNC, mode));
  if (::fchmod(file.get(), mode) != 0) return FailErrno("set the mode of " + path);
  return os::WriteAll(file.get(), content);
}

// No daemon starts while packages are installed, and the files that a container gets its own version of are there.
Status Finish(const std::string& tree) {
  BURROW_ASSIGN_OR_RETURN(auto root, os::Open(tree, O_RDONLY | O_DIRECTORY));
  BURROW_RETURN_IF_ERROR(WriteInto(root.get(), "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0755));
  for (const char* path : {"etc/resolv.conf", "etc/hosts", "etc/hostname"})
    BURROW_RETURN_IF_ERROR(WriteInto(root.get(), path, "", 0644));
  BURROW_RETURN_IF_ERROR(WriteInto(root.get(), "etc/machine-id", "", 0444));
  return {};
}

Status RunBootstrap(const DebianSources& sources, const Bootstrap& bootstrap, OutputTail& tail,
                    const Cancellation& cancellation) {
  os::SpawnOptions spawn{.argv = BootstrapCommand(sources, bootstrap.directory + "/root"),
                         .env = BootstrapEnvironment(bootstrap.directory),
                         .cwd = "/"};
  auto status =
      RunHostCommand(std::move(spawn), {.deadline = bootstrap.deadline, .check = bootstrap.check}, tail, cancellation);
  if (!status && status.error().code() == Code::kNotFound) {
    return Fail(Code::kFailedPrecondition,
                "mmdebstrap, which makes the base image, is not installed: apt-get install mmdebstrap");
  }
  if (!status) return Forward(std::move(status.error()));
  if (!status->Success())
    return Fail(Code::kFailedPrecondition, "mmdebstrap ended with code {}; its last lines:\n{}", status->AsNumber(),
                tail.Last());
  return {};
}

}  // namespace

std::vector<std::string> BootstrapCommand(const DebianSources& sources, const std::string& target) {
  std::vector<std::string> argv = {"mmdebstrap",
                                   "--mode=root",
                                   "--variant=apt",
                                   "--include=python3,ca-certificates",
                                   "--aptopt=Acquire::Languages \"none\"",
                                   "--aptopt=APT::Install-Recommends \"false\""};
  for (const char* option : kNoDocs) argv.push_back(std::string("--dpkgopt=") + option);
  argv.insert(argv.end(), {sources.codename, target});
  argv.insert(argv.end(), sources.lines.begin(), sources.lines.end());
  return argv;
}

Result<std::string> BootstrapDebian(const Bootstrap& bootstrap, const OutputSink& output,
                                    const Cancellation& cancellation) {
  BURROW_ASSIGN_OR_RETURN(auto own, HostSources());
  BURROW_ASSIGN_OR_RETURN(auto sources, SourcesForPython(own, bootstrap.python_version));
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(bootstrap.directory + "/tmp", 01777));
  OutputTail tail(output);
  std::string tree = bootstrap.directory + "/root";
  BURROW_RETURN_IF_ERROR(RunBootstrap(sources, bootstrap, tail, cancellation));
  BURROW_RETURN_IF_ERROR(Finish(tree));
  return tree;
}

}  // namespace burrow::builder

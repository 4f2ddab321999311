#include "builder/step_container.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/log.h"
#include "builder/step_limit.h"
#include "builder/watch.h"
#include "image/import.h"
#include "os/fs.h"

namespace burrow::builder {
namespace {

std::vector<std::string> SecretsOf(const burrow::link::v1::BuildStep& step) {
  std::vector<std::string> secrets;
  for (const auto& mount : step.run().mounts()) {
    if (mount.has_secret() && !mount.secret().open()) secrets.push_back(mount.secret().value());
  }
  for (const auto& [name, value] : step.secret_environment()) secrets.push_back(value);
  return secrets;
}

using std::chrono::milliseconds;

constexpr milliseconds kReapDeadline{10'000};
constexpr uint64_t kBuildPids = 4096;

struct Pipes {
  os::Pipe output, progress;
};

// The last number that was written; 0 if none.
int ReadProgress(int progress) {
  ::fcntl(progress, F_SETFL, O_NONBLOCK);
  char text[8192];
  ssize_t bytes = ::read(progress, text, sizeof text);
  std::string_view all(text, bytes > 0 ? static_cast<size_t>(bytes) : 0);
  while (all.ends_with('\n')) all.remove_suffix(1);
  if (size_t newline = all.rfind('\n'); newline != std::string_view::npos) all.remove_prefix(newline + 1);
  return all.empty() ? 0 : std::atoi(std::string(all).c_str());
}

// One command's container from start to layer.
class CommandRun {
 public:
  CommandRun(const StepContext& context, const StepCommand& command, const StepMounts& mounts, std::string directory)
      : context_(context), command_(command), mounts_(mounts), directory_(std::move(directory)) {}

  Result<BuiltImage> Run(image::Tree parent);

 private:
  Result<runtime::Container> Start(const os::OverlayLower& lower, const Pipes& pipes);
  Status AwaitSuccess(runtime::Container& container, const Pipes& pipes);
  // Kills the container; the error with the last lines.
  Status GiveUp(runtime::Container& container, Status watched, const OutputTail& tail);
  Result<BuiltImage> Keep(const runtime::Container& container, image::Tree parent) const;

  const StepContext& context_;
  const StepCommand& command_;
  const StepMounts& mounts_;
  std::string directory_;
  bool worth_keeping_ = false;  // what a failed command left
};

Result<BuiltImage> CommandRun::Run(image::Tree parent) {
  auto digest = cas::Digest::FromHex(context_.step.parent().index_digest());
  if (!digest) return Fail(Code::kInvalidArgument, "this step needs an image to build upon");
  Pipes pipes;
  BURROW_ASSIGN_OR_RETURN(pipes.output, os::MakePipe());
  BURROW_ASSIGN_OR_RETURN(pipes.progress, os::MakePipe());
  // Outlives the container.
  BURROW_ASSIGN_OR_RETURN(auto image, context_.services.images->Acquire(*digest, {.upper_is_read = true}));
  auto container = Start(image.lower(), pipes);
  if (!container) return Forward(std::move(container.error()).WithContext("start the build container"));
  pipes.output.write.Reset();
  pipes.progress.write.Reset();
  Status ended = AwaitSuccess(*container, pipes);
  if (ended) return Keep(*container, std::move(parent));
  if (worth_keeping_) {
    auto left = Keep(*container, std::move(parent));
    if (left) context_.left = std::move(*left);
    if (!left) LogWarn("build step {}: what it left was not kept: {}", context_.step.step_id(), left.error().message());
  }
  return Forward(std::move(ended.error()));
}

Result<runtime::Container> CommandRun::Start(const os::OverlayLower& lower, const Pipes& pipes) {
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(directory_));
  BURROW_ASSIGN_OR_RETURN(auto null, os::Open("/dev/null", O_RDWR));
  const std::string& workdir = command_.workdir.empty() ? context_.step.parent().workdir() : command_.workdir;
  runtime::ContainerOptions options;
  options.name = context_.step.step_id();
  options.directory = directory_;
  options.lower = lower;
  options.args = command_.argv;
  options.env = command_.env;
  options.cwd = workdir.empty() ? "/" : workdir;
  options.binds = mounts_.binds();
  options.tmpfs = mounts_.tmpfs();
  options.user = command_.user;
  options.network = command_.network;
  options.limits = command_.limits;
  if (options.limits.pids == 0) options.limits.pids = kBuildPids;
  const int output = pipes.output.write.get();
  options.fds = {{null.get(), 0}, {output, 1}, {output, 2}, {pipes.progress.write.get(), 3}};
  if (command_.input >= 0) options.fds.emplace_back(command_.input, 4);
  return context_.services.runtime->Start(std::move(options));
}

Status CommandRun::AwaitSuccess(runtime::Container& container, const Pipes& pipes) {
  OutputTail tail(context_.output, SecretsOf(context_.step));
  std::vector<std::string> written = mounts_.written();
  written.push_back(container.upper());
  DiskWatch disk(context_.services.disk, directory_, std::move(written));
  Status watched = WatchUntilExit({.pidfd = container.pidfd(),
                                   .output = pipes.output.read.get(),
                                   .deadline = context_.deadline,
                                   .check = [&disk] { return disk.Check(); }},
                                  tail, context_.cancellation);
  if (!watched) return GiveUp(container, std::move(watched), tail);
  BURROW_ASSIGN_OR_RETURN(auto exit, container.Wait(kReapDeadline));
  if (exit.status.Success()) return {};
  worth_keeping_ = true;
  std::string who = command_.describe(ReadProgress(pipes.progress.read.get()), exit.status);
  if (exit.out_of_memory) who += " (the machine ran out of memory)";
  return Fail(Code::kFailedPrecondition, "{}; its last lines:\n{}", who, tail.Last());
}

Status CommandRun::GiveUp(runtime::Container& container, Status watched, const OutputTail& tail) {
  container.Kill();
  if (auto ended = container.Wait(kReapDeadline); !ended)
    LogWarn("build step {}: {}", context_.step.step_id(), ended.error().message());
  const Code code = watched.error().code();
  worth_keeping_ = code == Code::kDeadlineExceeded;  // nothing of a full disk, nor of what nobody wants any more
  if (code == Code::kDeadlineExceeded)
    return Fail(code, "{}; its last lines:\n{}", DescribeOverrun(context_.step), tail.Last());
  if (code == Code::kResourceExhausted)
    return Fail(code, "{}; its last lines:\n{}", watched.error().message(), tail.Last());
  return watched;
}

Result<BuiltImage> CommandRun::Keep(const runtime::Container& container, image::Tree parent) const {
  image::ImportStats stats;
  BURROW_ASSIGN_OR_RETURN(auto layer, image::ImportUpper(container.upper(), *context_.services.store, &stats));
  if (context_.step.has_source_date_epoch()) ClampLayer(layer, context_.step.source_date_epoch());
  BURROW_RETURN_IF_ERROR(image::ApplyLayer(parent, layer));
  return StoreImage(context_, parent, context_.step.parent());
}

}  // namespace

Result<BuiltImage> RunInContainer(const StepContext& context, image::Tree parent, const ScratchDirectory& scratch,
                                  const StepCommand& command, const StepMounts& mounts) {
  return CommandRun(context, command, mounts, scratch.path() + "/container").Run(std::move(parent));
}

Result<BuiltImage> RunInContainer(const StepContext& context, const StepCommand& command) {
  BURROW_ASSIGN_OR_RETURN(auto scratch, context.MakeScratch());
  BURROW_ASSIGN_OR_RETURN(auto parent, LoadParent(context));
  StepMounts mounts(context, scratch.path());
  return RunInContainer(context, std::move(parent), scratch, command, mounts);
}

void ClampLayer(std::vector<image::UpperEntry>& layer, int64_t epoch) {
  for (auto& entry : layer) {
    if (!entry.inode || entry.inode->mtime < epoch) continue;
    entry.inode->mtime = epoch;
    entry.inode->mtime_ns = 0;
  }
}

}  // namespace burrow::builder

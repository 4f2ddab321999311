#include "builder/step_runner.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "base/log.h"
#include "builder/apt_install.h"
#include "builder/base_image.h"
#include "builder/run_commands.h"
#include "builder/tree_edits.h"
#include "builder/watch.h"
#include "image/import.h"
#include "os/fs.h"
#include "os/process.h"

namespace burrow::builder {
namespace {

using burrow::link::v1::BuildStep;
using burrow::link::v1::Image;
using std::chrono::milliseconds;

constexpr milliseconds kDefaultDeadline{30 * 60'000};
constexpr milliseconds kReapDeadline{10'000};
constexpr uint64_t kMaxIndexBytes = 1u << 30;
constexpr uint64_t kBuildPids = 4096;

// The step's own directory, gone with it.
class ScratchDirectory {
 public:
  static Result<ScratchDirectory> Make(std::string path) {
    BURROW_RETURN_IF_ERROR(os::RemoveTree(path));
    BURROW_RETURN_IF_ERROR(os::MakeDirectories(path));
    return ScratchDirectory(std::move(path));
  }
  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory() {
    if (path_.empty()) return;
    if (auto removed = os::RemoveTree(path_); !removed) LogWarn("{}", removed.error().message());
  }
  const std::string& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// What runs in a step's container.
struct StepCommand {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;  // over the image's
  std::function<std::string(int number, const os::ExitStatus& status)>
      describe;  // who failed how; number: the last one written to descriptor 3
};

// Runs one step; made for it alone.
class StepRun {
 public:
  StepRun(const StepServices& services, const BuildStep& step, const OutputSink& output,
          const Cancellation& cancellation)
      : services_(services),
        step_(step),
        output_(output),
        cancellation_(cancellation),
        deadline_(std::chrono::steady_clock::now() +
                  (step.timeout_ms() ? milliseconds(step.timeout_ms()) : kDefaultDeadline)) {}

  Result<BuiltImage> Run();

 private:
  Result<BuiltImage> Base();
  Result<BuiltImage> AptInstall();
  Result<BuiltImage> RunCommands();
  Result<BuiltImage> Env();
  Result<BuiltImage> Workdir();
  Result<BuiltImage> AddFiles();
  Result<image::Tree> ParentTree();
  Result<BuiltImage> InContainer(const StepCommand& command);
  Result<imagefs::ImageLease> AcquireParent();
  Result<runtime::Container> StartContainer(const StepCommand& command, const os::OverlayLower& lower,
                                            const std::string& directory, int output, int progress);
  Status AwaitSuccess(runtime::Container& container, const StepCommand& command, int output, int progress);
  std::vector<std::string> Environment(const StepCommand& command) const;
  Result<BuiltImage> Store(const image::Tree& tree, Image image);

  const StepServices& services_;
  const BuildStep& step_;
  const OutputSink& output_;
  const Cancellation& cancellation_;
  std::chrono::steady_clock::time_point deadline_;
};

Result<BuiltImage> StepRun::Run() {
  switch (step_.step().kind_case()) {
    case burrow::v1::ImageStep::kBase:
      return Base();
    case burrow::v1::ImageStep::kAptInstall:
      return AptInstall();
    case burrow::v1::ImageStep::kRun:
      return RunCommands();
    case burrow::v1::ImageStep::kEnv:
      return Env();
    case burrow::v1::ImageStep::kWorkdir:
      return Workdir();
    case burrow::v1::ImageStep::kAddFiles:
      return AddFiles();
    case burrow::v1::ImageStep::KIND_NOT_SET:
      break;
  }
  return Fail(Code::kInvalidArgument, "this worker does not know this kind of build step: update it");
}

// What the bootstrap itself wrote gets one date; what came out of packages keeps its own, by which compiled Python
// files are judged.
void ClampTimes(image::TreeNode& node, int64_t began) {
  auto& inode = *node.inode;
  if (inode.mtime >= began) {
    inode.mtime = kAddedFileTime;
    inode.mtime_ns = 0;
  }
  for (auto& [name, child] : node.children) ClampTimes(*child, began);
}

Result<BuiltImage> StepRun::Base() {
  if (step_.step().base().name() != "debian_slim")
    return Fail(Code::kInvalidArgument, "there is no base image '{}': use debian_slim", step_.step().base().name());
  BURROW_ASSIGN_OR_RETURN(auto scratch, ScratchDirectory::Make(services_.directory + "/" + step_.step_id()));
  int64_t began = ::time(nullptr);
  auto made = BootstrapDebian({.directory = scratch.path(), .deadline = deadline_}, output_, cancellation_);
  if (!made) return Forward(std::move(made.error()).WithContext("make the Debian base image"));
  image::ImportStats stats;
  BURROW_ASSIGN_OR_RETURN(auto tree, image::ImportDirectory(*made, *services_.store, &stats));
  ClampTimes(tree.root(), began);
  Image image;
  image.add_env("LANG=C.UTF-8");
  image.add_env("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  return Store(tree, std::move(image));
}

std::string Ending(const os::ExitStatus& status) {
  return status.signal ? fmt::format("was killed by signal {}", status.signal)
                       : fmt::format("failed with exit code {}", status.AsNumber());
}

Result<BuiltImage> StepRun::AptInstall() {
  const auto& packages = step_.step().apt_install().packages();
  BURROW_ASSIGN_OR_RETURN(auto argv, AptInstallCommand({packages.begin(), packages.end()}));
  std::string names;
  for (const auto& package : packages) names += (names.empty() ? "" : " ") + package;
  return InContainer({.argv = std::move(argv),
                      .env = {{"DEBIAN_FRONTEND", "noninteractive"}, {"LC_ALL", "C.UTF-8"}},
                      .describe = [names](int, const os::ExitStatus& status) {
                        return fmt::format("apt_install({}) {}", names, Ending(status));
                      }});
}

Result<BuiltImage> StepRun::RunCommands() {
  const auto& commands = step_.step().run().commands();
  std::vector<std::string> list(commands.begin(), commands.end());
  BURROW_ASSIGN_OR_RETURN(auto argv, RunCommandsCommand(list));
  return InContainer({.argv = std::move(argv), .describe = [list](int number, const os::ExitStatus& status) {
                        bool known = number >= 1 && number <= static_cast<int>(list.size());
                        return fmt::format("the command '{}' {}",
                                           known ? ShortCommand(list[static_cast<size_t>(number) - 1]) : "/bin/sh",
                                           Ending(status));
                      }});
}

Result<BuiltImage> StepRun::Env() {
  Image image = step_.parent();
  BURROW_RETURN_IF_ERROR(SetEnvironment(image, step_.step().env()));
  BURROW_ASSIGN_OR_RETURN(auto tree, ParentTree());
  auto size = MeasureTree(tree);
  return BuiltImage{std::move(image), size.files, size.bytes};
}

Result<BuiltImage> StepRun::Workdir() {
  Image image = step_.parent();
  BURROW_ASSIGN_OR_RETURN(auto tree, ParentTree());
  BURROW_RETURN_IF_ERROR(SetWorkdir(tree, image, step_.step().workdir()));
  return Store(tree, std::move(image));
}

Result<BuiltImage> StepRun::AddFiles() {
  const auto& step = step_.step().add_files();
  BURROW_ASSIGN_OR_RETURN(auto tree, ParentTree());
  BURROW_RETURN_IF_ERROR(builder::AddFiles(tree, step));
  std::vector<cas::Digest> digests;
  for (const auto& file : step.files()) {
    if (file.size() > 0) digests.push_back(*cas::Digest::FromHex(file.digest()));
  }
  BURROW_ASSIGN_OR_RETURN(auto missing, services_.store->Missing(digests));
  if (!missing.empty())
    return Fail(Code::kFailedPrecondition,
                "{} of the files to add were not uploaded, {} among them: run the command again", missing.size(),
                missing.front().Hex());
  BURROW_RETURN_IF_ERROR(image::AddMissingFrames(tree, *services_.store));
  return Store(tree, step_.parent());
}

Result<image::Tree> StepRun::ParentTree() {
  auto digest = cas::Digest::FromHex(step_.parent().index_digest());
  if (!digest)
    return Fail(Code::kInvalidArgument, "this step needs an image to build upon: begin with Image.debian_slim()");
  auto bytes = services_.cache->Read(*digest, kMaxIndexBytes);
  if (!bytes) return Forward(std::move(bytes.error()).WithContext("read the parent image"));
  BURROW_ASSIGN_OR_RETURN(auto index,
                          image::Index::Open({reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size()}));
  return image::Tree::FromIndex(index);
}

std::vector<std::string> StepRun::Environment(const StepCommand& command) const {
  std::map<std::string, std::string> variables = {
      {"HOME", "/root"}, {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}};
  for (const auto& variable : step_.parent().env())
    variables[variable.substr(0, variable.find('='))] = variable.substr(variable.find('=') + 1);
  for (const auto& [name, value] : command.env) variables[name] = value;
  std::vector<std::string> list;
  list.reserve(variables.size());
  for (const auto& [name, value] : variables) list.push_back(fmt::format("{}={}", name, value));
  return list;
}

Result<imagefs::ImageLease> StepRun::AcquireParent() {
  auto digest = cas::Digest::FromHex(step_.parent().index_digest());
  if (!digest)
    return Fail(Code::kInvalidArgument, "this step needs an image to build upon: begin with Image.debian_slim()");
  return services_.images->Acquire(*digest, {.upper_is_read = true});
}

Result<runtime::Container> StepRun::StartContainer(const StepCommand& command, const os::OverlayLower& lower,
                                                   const std::string& directory, int output, int progress) {
  BURROW_ASSIGN_OR_RETURN(auto null, os::Open("/dev/null", O_RDWR));
  runtime::ContainerOptions options;
  options.name = step_.step_id();
  options.directory = directory;
  options.lower = lower;
  options.args = command.argv;
  options.env = Environment(command);
  options.cwd = step_.parent().workdir().empty() ? "/" : step_.parent().workdir();
  options.limits.pids = kBuildPids;
  options.fds = {{null.get(), 0}, {output, 1}, {output, 2}, {progress, 3}};
  return services_.runtime->Start(std::move(options));
}

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

Status StepRun::AwaitSuccess(runtime::Container& container, const StepCommand& command, int output, int progress) {
  OutputTail tail(output_);
  Status watched = WatchUntilExit(container.pidfd(), output, tail, cancellation_, deadline_);
  if (!watched) {
    container.Kill();
    if (auto ended = container.Wait(kReapDeadline); !ended)
      LogWarn("build step {}: {}", step_.step_id(), ended.error().message());
    if (watched.error().code() != Code::kDeadlineExceeded) return watched;
    return Fail(Code::kDeadlineExceeded, "the build step took longer than it may; its last lines:\n{}", tail.Last());
  }
  BURROW_ASSIGN_OR_RETURN(auto exit, container.Wait(kReapDeadline));
  if (exit.status.Success()) return {};
  std::string who = command.describe(ReadProgress(progress), exit.status);
  if (exit.out_of_memory) who += " (the machine ran out of memory)";
  return Fail(Code::kFailedPrecondition, "{}; its last lines:\n{}", who, tail.Last());
}

Result<BuiltImage> StepRun::InContainer(const StepCommand& command) {
  BURROW_ASSIGN_OR_RETURN(auto scratch, ScratchDirectory::Make(services_.directory + "/" + step_.step_id()));
  BURROW_ASSIGN_OR_RETURN(auto output, os::MakePipe());
  BURROW_ASSIGN_OR_RETURN(auto progress, os::MakePipe());
  BURROW_ASSIGN_OR_RETURN(auto tree, ParentTree());
  BURROW_ASSIGN_OR_RETURN(auto image, AcquireParent());  // outlives the container
  auto container = StartContainer(command, image.lower(), scratch.path(), output.write.get(), progress.write.get());
  if (!container) return Forward(std::move(container.error()).WithContext("start the build container"));
  output.write.Reset();
  progress.write.Reset();
  BURROW_RETURN_IF_ERROR(AwaitSuccess(*container, command, output.read.get(), progress.read.get()));
  image::ImportStats stats;
  BURROW_ASSIGN_OR_RETURN(auto layer, image::ImportUpper(container->upper(), *services_.store, &stats));
  BURROW_RETURN_IF_ERROR(image::ApplyLayer(tree, layer));
  return Store(tree, step_.parent());
}

Result<BuiltImage> StepRun::Store(const image::Tree& tree, Image image) {
  if (cancellation_.cancelled()) return Fail(Code::kCancelled, "the build was cancelled");
  BURROW_ASSIGN_OR_RETURN(auto digest, image::PutIndex(tree, *services_.store));
  image.set_index_digest(digest.Hex());
  auto size = MeasureTree(tree);
  return BuiltImage{std::move(image), size.files, size.bytes};
}

}  // namespace

Result<BuiltImage> StepRunner::Run(const BuildStep& step, const OutputSink& output,
                                   const Cancellation& cancellation) const {
  return StepRun(services_, step, output, cancellation).Run();
}

}  // namespace burrow::builder

// burrowd: reads the command line and hands over to the subcommand.
#include <CLI/CLI.hpp>
#include <map>

#include "cmd/options.h"
#include "imagefs/command.h"

namespace {

using namespace burrow;
using namespace burrow::cmd;

constexpr int kWrongCommandLine = 2;

void AddCommon(CLI::App* app, CommonOptions& options) {
  app->add_option("--state-dir", options.state_directory, "Directory for everything that burrowd keeps")
      ->capture_default_str();
  app->add_option("--handshake-fd", options.handshake_fd)->group("");
}
void AddRuntime(CLI::App* app, std::string& runtime, std::string& sdk_directory) {
  app->add_option("--runtime", runtime, "OCI runtime: crun or runc")
      ->check(CLI::IsMember({"crun", "runc"}))
      ->capture_default_str();
  app->add_option("--sdk-dir", sdk_directory, "Directory that holds the Python package 'burrow' for containers");
}
void AddImageFs(CLI::App* app, std::string& image_fs) {
  app->add_option("--image-fs", image_fs, "How images are mounted: auto, erofs or fuse")
      ->check(CLI::IsMember({"auto", "erofs", "fuse"}))
      ->capture_default_str();
}
void AddCacheQuota(CLI::App* app, uint64_t& bytes) {
  app->add_option("--cache-quota", bytes,
                  "Bytes that the cache of image content may take, for example 20G; 0: 80 % of its filesystem")
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str();
}
void AddBlobs(CLI::App* app, BlobOptions& blobs) {
  app->add_option("--blob-store", blobs.store,
                  "Keep blobs in S3: s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION&style=path");
  app->add_option("--blob-credentials", blobs.credentials_file,
                  "File with aws_access_key_id and aws_secret_access_key (default: the AWS_... environment variables)");
  app->add_option("--blob-grace", blobs.grace_seconds,
                  "How long blobs that nothing needs are kept after their last use, for example 12h")
      ->transform(
          CLI::AsNumberWithUnit(std::map<std::string, uint64_t>{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}}))
      ->capture_default_str();
}
void AddDefaultRegistry(CLI::App* app, std::string& registry) {
  app->add_option(
      "--default-registry", registry,
      "Registry of images that name none: HOST[:PORT], or NAME=HOST[:PORT] where NAME stands in their names");
}
void AddDrain(CLI::App* app, std::chrono::seconds& drain) {
  app->add_option_function<uint32_t>(
         "--drain", [&drain](uint32_t seconds) { drain = std::chrono::seconds(seconds); },
         "Seconds that running calls may take to end when burrowd is stopped; a second signal hurries")
      ->default_str("10")
      ->check(CLI::Range(0, 86'400));
}
CLI::App* AddMount(CLI::App& app, MountCommand& mount) {
  auto* mount_app = app.add_subcommand("mount", "Mounts one image as a writable root filesystem until stdin ends");
  AddCommon(mount_app, mount.common);
  AddImageFs(mount_app, mount.image_fs);
  mount_app->add_option("--control", mount.control_url, "URL of control, http://HOST:PORT")->required();
  mount_app->add_option("--token-file", mount.token_file, "File that holds a token of control")->required();
  mount_app->add_option("--fetch-deadline", mount.fetch_deadline, "Milliseconds that a read waits for its blob")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  mount_app->add_flag("--read-only", mount.read_only, "Without an upper directory");
  mount_app->add_flag("--hold", mount.hold, "Say 'ready', and mount when a line comes on stdin");
  mount_app->add_option("--prefetch", mount.prefetch_file,
                        "Fetch the blobs that this file lists, as --record wrote it");
  mount_app->add_option("--record", mount.record_file, "Write the blobs that were read, at the line 'record' on stdin");
  mount_app->add_option("INDEX_DIGEST", mount.index_digest, "The image: digest of its index")->required();
  mount_app->add_option("TARGET", mount.target, "An existing directory")->required();
  return mount_app;
}
// Where CLI11 would say something of its own.
std::string Explain(const CLI::App* app, const CLI::Error& error) {
  auto chosen = app->get_subcommands();
  std::string command = chosen.empty() ? std::string() : " " + chosen.front()->get_name();
  auto unknown = app->remaining();
  std::string what = error.what();
  if (chosen.empty() && !unknown.empty()) what = fmt::format("there is no command '{}'", unknown.front());
  return fmt::format("burrowd: {}: see `burrowd{} --help`\n", what, command);
}
template <class Run>
int WithAddress(const std::string& text, Address& address, Run run) {
  auto parsed = ParseAddress(text);
  if (!parsed) return Complain(parsed.error());
  address = *parsed;
  return run();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"burrowd: runs decorated Python functions in containers"};
  app.set_version_flag("--version", "burrowd " BURROW_VERSION);
  app.require_subcommand(1);

  UpCommand up;
  std::string up_listen = "127.0.0.1:8484";
  auto* up_app = app.add_subcommand("up", "Everything on this machine: control and one worker");
  AddCommon(up_app, up.common);
  AddRuntime(up_app, up.runtime, up.sdk_directory);
  AddImageFs(up_app, up.image_fs);
  AddCacheQuota(up_app, up.cache_quota);
  AddBlobs(up_app, up.blobs);
  AddDefaultRegistry(up_app, up.default_registry);
  AddDrain(up_app, up.drain);
  up_app->add_option("--listen", up_listen, "Address of the API")->capture_default_str();
  up_app->add_option("--config", up.config_file, "Client config to write (default ~/.config/burrow/config.json)");

  ControlCommand control;
  std::string control_listen = "127.0.0.1:8484";
  auto* control_app = app.add_subcommand("control", "API, calls, scheduler and store");
  AddCommon(control_app, control.common);
  AddBlobs(control_app, control.blobs);
  AddDefaultRegistry(control_app, control.default_registry);
  AddDrain(control_app, control.drain);
  control_app->add_option("--listen", control_listen, "Address of the API")->capture_default_str();

  WorkerCommand worker;
  std::string worker_control;
  auto* worker_app = app.add_subcommand("worker", "Runs containers for a control");
  AddCommon(worker_app, worker.common);
  AddRuntime(worker_app, worker.runtime, worker.sdk_directory);
  AddImageFs(worker_app, worker.image_fs);
  AddCacheQuota(worker_app, worker.cache_quota);
  worker_app->add_option("--control", worker_control, "Address of control, HOST:PORT")->required();
  worker_app->add_option("--token-file", worker.token_file, "File that holds the join token");

  MountCommand mount;
  auto* mount_app = AddMount(app, mount);

  int imagefs_config = -1;
  auto* imagefs_app = app.add_subcommand("imagefs", "Serves images over FUSE; started by a worker")->group("");
  imagefs_app->add_option("--config-fd", imagefs_config)->required();

  app.failure_message(Explain);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongCommandLine;
  }
  if (*up_app) return WithAddress(up_listen, up.listen, [&] { return RunUp(up); });
  if (*control_app) return WithAddress(control_listen, control.listen, [&] { return RunControlCommand(control); });
  if (*worker_app) return WithAddress(worker_control, worker.control, [&] { return RunWorkerCommand(worker); });
  if (*mount_app) return RunMountCommand(mount);
  return imagefs::RunImagefs(imagefs_config);
}

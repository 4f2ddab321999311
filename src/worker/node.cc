#include "worker/node.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "base/ids.h"
#include "base/log.h"
#include "cas/http_blob_store.h"
#include "image/index_blobs.h"
#include "imagefs/killed_holder.h"
#include "os/fs.h"
#include "os/mount.h"
#include "worker/library.h"

namespace burrow::worker {
namespace {

namespace fs = std::filesystem;

// One that was killed a moment ago may still be on its way out.
constexpr imagefs::LockPatience kPredecessorEnds{.alive = std::chrono::seconds(1), .killed = std::chrono::seconds(10)};

void LogFailure(const Status& status) {
  if (!status) LogWarn("{}", status.error().message());
}

Result<std::string> AbsolutePath(const std::string& path) {
  std::error_code error;
  auto absolute = fs::weakly_canonical(path, error);
  if (error)
    return Fail(Code::kInvalidArgument, "the state directory '{}' cannot be resolved: {}", path, error.message());
  return absolute.string();
}

// The id by which control knows this worker through all its lives.
Result<std::string> LoadWorkerId(const std::string& file) {
  if (auto text = os::ReadFile(file, 4096); text && IsIdText(WorkerTag::kPrefix, *text)) return *text;
  std::string id = WorkerId::New().str();
  BURROW_RETURN_IF_ERROR(os::WriteFileAtomically(file, id));
  return id;
}

Status TakeLock(Node& node) {
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(node.layout.root, 0700));
  auto lock = imagefs::AwaitLock(node.layout.Lock(), node.layout.Imagefs(), kPredecessorEnds);
  if (!lock && lock.error().code() == Code::kFailedPrecondition) {
    return Fail(Code::kFailedPrecondition, "another worker uses {}: stop it, or choose another --state-dir",
                node.layout.root);
  }
  if (!lock) return Forward(std::move(lock.error()));
  node.lock = std::move(*lock);
  return {};
}

// Processes first, so that nothing holds the mounts; then mounts; then files.
Status RemoveLeftovers(Node& node) {
  BURROW_RETURN_IF_ERROR(node.cleanup.cgroups->RemoveAll(false));
  BURROW_RETURN_IF_ERROR(os::UnmountBelow(node.layout.root));
  for (const auto& directory : node.cleanup.directories) {
    BURROW_RETURN_IF_ERROR(os::RemoveTree(directory));
    BURROW_RETURN_IF_ERROR(os::MakeDirectories(directory, 0700));
  }
  return {};
}

// A disk takes up to a millisecond to make a file, a container some dozens of files.
constexpr uint64_t kEngineMemory = 256u << 20;

// What a full disk has no room for is served from here.
constexpr uint64_t kOverflowMemory = 256u << 20;

Status OpenCache(Node& node, const WorkerOptions& options) {
  const auto& layout = node.layout;
  BURROW_ASSIGN_OR_RETURN(node.overflow_memory, os::MountTmpfs(layout.Overflow(), kOverflowMemory));
  BURROW_ASSIGN_OR_RETURN(node.accesses, imagefs::AccessLog::Create());
  auto blobs_of_image = [directories = layout.BlobDirectories()](const cas::Digest& digest) {
    return image::LocalBlobsOf(directories, digest);
  };
  // Before the cache: it removes what cannot be trusted, and makes room where there is none.
  BURROW_ASSIGN_OR_RETURN(node.keeper, cas::CacheKeeper::Open({.directory = layout.Cache(),
                                                               .signals = node.cache_signals,
                                                               .quota_bytes = options.cache_quota,
                                                               .blobs_of_image = blobs_of_image,
                                                               .clock = &node.clock}));
  BURROW_ASSIGN_OR_RETURN(node.cache, cas::BlobCache::Open({.directory = layout.Cache(),
                                                            .remote = node.store.get(),
                                                            .signals = node.cache_signals,
                                                            .overflow_directory = layout.Overflow()}));
  return {};
}

Status StartServices(Node& node, const WorkerOptions& options) {
  const auto& layout = node.layout;
  std::string url = fmt::format("http://{}:{}", options.control_host, options.control_port);
  BURROW_ASSIGN_OR_RETURN(node.network, os::NodeNetwork::Create(node.tag));
  BURROW_ASSIGN_OR_RETURN(node.cache_signals, cas::CacheSignals::Create());
  node.store = cas::NewHttpBlobStore({.url = url, .token = options.token, .signals = node.cache_signals});
  BURROW_RETURN_IF_ERROR(OpenCache(node, options));
  BURROW_ASSIGN_OR_RETURN(node.sources, SourceStore::Open(layout.Sources(), node.cache.get()));
  BURROW_ASSIGN_OR_RETURN(node.cache_mounts, builder::CacheMounts::Open(layout.CacheMounts()));
  BURROW_ASSIGN_OR_RETURN(node.library, PrepareLibrary(options.sdk_directory, layout.Libraries()));
  BURROW_ASSIGN_OR_RETURN(node.engine_memory, os::MountTmpfs(layout.Engine(), kEngineMemory));
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(layout.ApiSockets(), 0700));
  BURROW_ASSIGN_OR_RETURN(auto runtime, runtime::ContainerRuntime::Create({.engine = options.engine,
                                                                           .state_directory = layout.Engine(),
                                                                           .cgroups = &*node.cleanup.cgroups,
                                                                           .network = node.network.get()}));
  node.runtime.emplace(std::move(runtime));
  BURROW_ASSIGN_OR_RETURN(node.images, imagefs::Supervisor::Start({.burrowd = options.burrowd,
                                                                   .state_directory = layout.Imagefs(),
                                                                   .cache_directory = layout.Cache(),
                                                                   .blob_url = url,
                                                                   .token = options.token,
                                                                   .overflow_directory = layout.Overflow(),
                                                                   .signals = node.cache_signals,
                                                                   .accesses = node.accesses,
                                                                   .tier = options.image_tier}));
  node.leased_images = std::make_unique<LeasedImages>(node.images.get(), node.keeper.get());
  node.prefetcher = std::make_unique<Prefetcher>(
      PrefetcherOptions{.cache = node.cache.get(), .remote = node.store.get(), .images = node.images.get()});
  return {};
}

}  // namespace

Node::~Node() = default;

Node::Cleanup::~Cleanup() {
  if (!cgroups) return;
  LogFailure(cgroups->RemoveAll(true));
  LogFailure(os::UnmountBelow(state_root));
  for (const auto& directory : directories) LogFailure(os::RemoveTree(directory));
}

Result<std::unique_ptr<Node>> PrepareNode(const WorkerOptions& options) {
  if (::geteuid() != 0)
    return Fail(Code::kFailedPrecondition,
                "a worker makes mounts and control groups, which takes root: start burrowd as root");
  BURROW_ASSIGN_OR_RETURN(auto state_directory, AbsolutePath(options.state_directory));
  auto node = std::make_unique<Node>(StateLayout(state_directory));
  node->tag = InstanceTag(state_directory);
  BURROW_RETURN_IF_ERROR(TakeLock(*node));
  BURROW_ASSIGN_OR_RETURN(node->worker_id, LoadWorkerId(node->layout.WorkerIdFile()));
  BURROW_RETURN_IF_ERROR(os::EnterOwnMountNamespace());
  BURROW_ASSIGN_OR_RETURN(auto cgroups, os::CgroupRoot::Open(node->tag));
  node->cleanup.state_root = node->layout.root;
  node->cleanup.directories = {node->layout.Containers(), node->layout.Volumes(),  node->layout.Builds(),
                               node->layout.Engine(),     node->layout.Overflow(), node->layout.Sources(),
                               node->layout.Imagefs()};
  node->cleanup.cgroups.emplace(std::move(cgroups));
  BURROW_RETURN_IF_ERROR(RemoveLeftovers(*node));
  BURROW_RETURN_IF_ERROR(StartServices(*node, options));
  return node;
}

}  // namespace burrow::worker

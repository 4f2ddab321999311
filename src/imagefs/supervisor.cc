#include "imagefs/supervisor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include "base/log.h"
#include "cas/blob_cache.h"
#include "cas/http_blob_store.h"
#include "image/import.h"
#include "imagefs/attributes.h"
#include "imagefs/child.h"
#include "imagefs/fuse_mount.h"
#include "os/fs.h"

namespace burrow::imagefs {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kServeDeadline{70'000};
constexpr milliseconds kAnswerSlack{30'000};  // beyond the fetch deadline: a restart with its pause fits in
constexpr char kReadAheadKb[] = "1024";

struct Place {
  const char* name;
  ImageKind kind;
};
constexpr std::array<Place, 2> kPlaces = {{{"plain", ImageKind::kPlain}, {"xattr", ImageKind::kWithXattrs}}};

// Runs `work` on a thread that may be left behind: a system call that hangs in the kernel cannot be ended.
template <class T>
Result<T> Within(milliseconds deadline, std::string_view what, std::function<Result<T>()> work) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<Result<T>> result;
  };
  auto shared = std::make_shared<Shared>();
  std::thread([shared, work = std::move(work)] {
    Result<T> result = work();
    std::lock_guard lock(shared->mutex);
    shared->result = std::move(result);
    shared->done.notify_all();
  }).detach();
  std::unique_lock lock(shared->mutex);
  if (shared->done.wait_for(lock, deadline, [&] { return shared->result.has_value(); }))
    return std::move(*shared->result);
  return Fail(Code::kDeadlineExceeded, "imagefs did not answer for {} within {} ms", what, deadline.count());
}

Result<struct stat> StatWithin(const std::string& path, milliseconds deadline) {
  return Within<struct stat>(deadline, path, [path]() -> Result<struct stat> {
    struct stat st;
    if (::stat(path.c_str(), &st) != 0) return FailErrno("stat " + path);
    return st;
  });
}

// Makes the kernel learn that it need not send FLUSH, before anybody can have a file open while no process serves: a
// process that is forked then, to become the next server, closes what it inherited, and would wait for itself.
Status Probe(const std::string& mount) {
  std::string path = mount + "/" + kProbeName;
  auto opened = Within<bool>(kAnswerSlack, path, [path]() -> Result<bool> {
    auto fd = os::Open(path, O_RDONLY);
    if (!fd) return Forward(std::move(fd.error()));
    return true;
  });
  if (!opened) return Forward(std::move(opened.error()));
  return {};
}

// The kernel reads ahead 128 KiB unless told otherwise. Where /sys is read-only it stays so: only large files get
// slower.
void RaiseReadAhead(const std::string& mount) {
  auto st = StatWithin(mount, kAnswerSlack);
  if (!st) return;
  std::string path = fmt::format("/sys/class/bdi/{}:{}/read_ahead_kb", major(st->st_dev), minor(st->st_dev));
  auto fd = os::Open(path, O_WRONLY);
  if (!fd || !os::WriteAll(fd->get(), kReadAheadKb)) LogDebug("{} cannot be written", path);
}

}  // namespace

struct Supervisor::State {
  SupervisorOptions options;
  std::unique_ptr<cas::BlobStore> remote;
  std::unique_ptr<cas::BlobCache> cache;
  std::array<FuseMount, kPlaces.size()> mounts;
  std::unique_ptr<Child> child;  // ends before the mounts go
  std::mutex mutex;
  std::unordered_map<cas::Digest, std::string> directories;  // guarded by mutex: images that were checked

  Status MountAll();
  Result<std::string> Check(const cas::Digest& digest);
  std::string Target(const Place& place) const { return options.state_directory + "/" + place.name; }
  std::string Journal(const Place& place) const { return Target(place) + ".journal"; }
  Config ChildConfig() const;
};

Status Supervisor::State::MountAll() {
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(options.state_directory, 0700));
  BURROW_RETURN_IF_ERROR(os::UnmountBelow(options.state_directory));
  for (size_t i = 0; i < kPlaces.size(); ++i) {
    // Journals belong to mounts, and those of an earlier supervisor are gone.
    if (::unlink(Journal(kPlaces[i]).c_str()) != 0 && errno != ENOENT)
      return FailErrno("remove " + Journal(kPlaces[i]));
    BURROW_RETURN_IF_ERROR(os::MakeDirectories(Target(kPlaces[i]), 0700));
    BURROW_ASSIGN_OR_RETURN(mounts[i], MountFuse(Target(kPlaces[i])));
  }
  return {};
}

Config Supervisor::State::ChildConfig() const {
  Config config{.cache_directory = options.cache_directory,
                .blob_url = options.blob_url,
                .token = options.token,
                .fetch_deadline = options.fetch_deadline,
                .overflow_directory = options.overflow_directory,
                .signals_fd = options.signals ? options.signals->fd() : -1,
                .accesses_fd = options.accesses ? options.accesses->fd() : -1};
  for (size_t i = 0; i < kPlaces.size(); ++i) {
    config.connections.push_back({.fd = mounts[i].device.get(),
                                  .journal = Journal(kPlaces[i]),
                                  .kind = kPlaces[i].kind,
                                  .features = mounts[i].features});
  }
  return config;
}

Supervisor::Supervisor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Supervisor::~Supervisor() = default;

Result<std::unique_ptr<Supervisor>> Supervisor::Start(SupervisorOptions options) {
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  state->remote = cas::NewHttpBlobStore(
      {.url = state->options.blob_url, .token = state->options.token, .deadline = state->options.fetch_deadline});
  BURROW_ASSIGN_OR_RETURN(state->cache,
                          cas::BlobCache::Open({.directory = state->options.cache_directory,
                                                .remote = state->remote.get(),
                                                .signals = state->options.signals,
                                                .overflow_directory = state->options.overflow_directory}));
  BURROW_RETURN_IF_ERROR(state->MountAll());
  state->child =
      std::make_unique<Child>(ChildOptions{.burrowd = state->options.burrowd, .config = state->ChildConfig()});
  BURROW_RETURN_IF_ERROR(state->child->WaitUntilServing(kServeDeadline));
  for (const Place& place : kPlaces) {
    BURROW_RETURN_IF_ERROR(Probe(state->Target(place)));
    RaiseReadAhead(state->Target(place));
  }
  return std::unique_ptr<Supervisor>(new Supervisor(std::move(state)));
}

// Fetches and checks an index here, where errors have words; imagefs then finds it in the cache.
Result<std::string> Supervisor::State::Check(const cas::Digest& digest) {
  {
    std::lock_guard lock(mutex);
    if (auto it = directories.find(digest); it != directories.end()) return it->second;
  }
  auto loaded = image::LoadIndex(*cache, digest);
  if (!loaded) return Forward(std::move(loaded.error()).WithContext("load image " + digest.Hex()));
  BURROW_ASSIGN_OR_RETURN(image::Index index, loaded->Open());
  std::string directory = Target(kPlaces[index.has_xattrs() ? 1 : 0]) + "/" + digest.Hex();
  std::lock_guard lock(mutex);
  directories[digest] = directory;
  return directory;
}

Result<ImageLease> Supervisor::DoAcquire(const cas::Digest& digest, const AcquireOptions& /*options*/) {
  BURROW_ASSIGN_OR_RETURN(std::string directory, state_->Check(digest));
  auto st = StatWithin(directory, state_->options.fetch_deadline + kAnswerSlack);
  if (st) return ImageLease({.directories = {directory}}, nullptr);
  if (st.error().code() == Code::kDeadlineExceeded) state_->child->Kill();
  return Forward(std::move(st.error()).WithContext("open image " + digest.Hex()));
}

int Supervisor::pid() const { return state_->child->pid(); }
uint64_t Supervisor::restarts() const { return state_->child->restarts(); }

}  // namespace burrow::imagefs
